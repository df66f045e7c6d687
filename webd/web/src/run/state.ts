import type { RunEvent, TransportName } from "../api/transport";
import type { ApiError, Finished, StageKind, StageResult } from "../api/types";

export interface Stage {
  kind: StageKind;
  run: number;
  result: StageResult | null;
}

/** How it ended, if the program's own end is not the whole story. */
export type Ending =
  | { how: "finished"; answer: Finished }
  | { how: "refused"; error: ApiError }
  | { how: "lost" }
  | { how: "stopped" }
  | { how: "unreachable" };

/** One execution as the page knows it. */
export interface RunState {
  transport: TransportName | null;
  /** Executions before this one; null once it is its turn. */
  position: number | null;
  stages: Stage[];
  stopping: boolean;
  ending: Ending | null;
}

export const newRun: RunState = {
  transport: null,
  position: null,
  stages: [],
  stopping: false,
  ending: null,
};

/** What is known after an event. Output is not kept here. */
export function advance(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case "reached":
      return { ...state, transport: event.transport };
    case "queued":
      return { ...state, position: event.position };
    case "started":
      return { ...state, position: null };
    case "stage": {
      const stage: Stage = { kind: event.stage, run: event.run ?? 0, result: null };
      return { ...state, position: null, stages: [...state.stages, stage] };
    }
    case "stage_finished":
      return { ...state, stages: finishLast(state.stages, event) };
    case "finished":
      return { ...state, ending: { how: "finished", answer: event } };
    case "error":
      return { ...state, ending: { how: "refused", error: event } };
    case "lost":
      return { ...state, ending: { how: "lost" } };
    case "stopped":
      return { ...state, ending: { how: "stopped" } };
    case "output":
      return state;
  }
}

function finishLast(stages: Stage[], result: StageResult): Stage[] {
  return stages.map((stage, index) => (index === stages.length - 1 ? { ...stage, result } : stage));
}
