import type {
  ApiError,
  ExecutionEvent,
  FinishedEvent,
  StageFinishedEvent,
  StageKind,
  StageResult,
  TransportName,
} from "@executor/client";

export interface Stage {
  kind: StageKind;
  run: number;
  result: StageResult | null;
}

/** How an execution ended, as opposed to how its program ended. */
export type Ending =
  | { kind: "finished"; event: FinishedEvent }
  /** The server returned an error. */
  | { kind: "rejected"; error: ApiError }
  | { kind: "disconnected" }
  /** Stopped by the user. */
  | { kind: "stopped" }
  /** No transport reached the server. */
  | { kind: "unreachable" };

/** State of one execution as the page knows it. */
export interface ExecutionState {
  transport: TransportName | null;
  /** Number of executions that are ahead in the queue; null outside the queue. */
  queuePosition: number | null;
  stages: Stage[];
  /** The program waits for input. */
  waiting: boolean;
  stopping: boolean;
  ending: Ending | null;
}

export const INITIAL_STATE: ExecutionState = {
  transport: null,
  queuePosition: null,
  stages: [],
  waiting: false,
  stopping: false,
  ending: null,
};

/** Returns the state after an event. Output is collected elsewhere. */
export function applyEvent(state: ExecutionState, event: ExecutionEvent): ExecutionState {
  switch (event.type) {
    case "connected":
      return { ...state, transport: event.transport };
    case "queued":
      return { ...state, queuePosition: event.position };
    case "started":
      return { ...state, queuePosition: null };
    case "stage": {
      const stage: Stage = { kind: event.stage, run: event.run ?? 0, result: null };
      return { ...state, queuePosition: null, stages: [...state.stages, stage] };
    }
    case "waiting_for_input":
      return { ...state, waiting: true };
    case "stage_finished":
      return { ...state, waiting: false, stages: finish(state.stages, event) };
    case "finished":
      return end(state, { kind: "finished", event });
    case "error":
      return end(state, { kind: "rejected", error: event });
    case "disconnected":
    case "stopped":
      return end(state, { kind: event.type });
    case "output":
    case "output_file":
      return state;
  }
}

function end(state: ExecutionState, ending: Ending): ExecutionState {
  return { ...state, waiting: false, ending };
}

/** Sets the result of a stage. Several runs may be active concurrently. */
function finish(stages: Stage[], event: StageFinishedEvent): Stage[] {
  const isMeant = (stage: Stage) => stage.kind === event.stage && stage.run === (event.run ?? 0);
  return stages.map((stage) => (isMeant(stage) ? { ...stage, result: event } : stage));
}
