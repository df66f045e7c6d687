/** The current execution: start, events, input and stop. Shared by program runs and test runs. */
import { live } from "../api/client";
import {
  type Connection,
  type ErrorCode,
  type EventListener,
  type ExecutionEvent,
  type ExecutionRequest,
  type InputMessage,
  InputQueue,
  TransportUnavailable,
} from "@executor/client";
import { INITIAL_STATE, applyEvent, type Ending } from "../execution/state";
import { t } from "../i18n/text";
import { askForKey } from "./api-key";
import { waitForServer } from "./connectivity";
import { postStatus } from "./live-region";
import { cancelRetry, retryLater } from "./retry";
import { busy, execution, notice, type Execution } from "./state";

/** Errors that are worth a retry. */
const TRANSIENT = new Set<ErrorCode>(["busy", "overloaded"]);
/** Errors after which the page waits until the server is ready. */
const NOT_READY = new Set<ErrorCode>(["unavailable", "forbidden"]);

let connection: Connection | null = null;
let input = new InputQueue();
let abort = new AbortController();

/** Starts an execution in the page's state. Returns the controller that aborts it. */
export function startExecution(start: Omit<Execution, "state">): AbortController {
  cancelRetry();
  abort = new AbortController();
  connection = null;
  input = new InputQueue();
  execution.value = { ...start, state: INITIAL_STATE };
  postStatus(t(start.kind === "tests" ? "runningTests" : "running"));
  return abort;
}

/** Sends the request of a started execution. Events arrive until the execution has ended. */
export async function sendRequest(
  request: ExecutionRequest,
  onEvent: EventListener,
  retry: () => Promise<void>,
): Promise<void> {
  const listener = (event: ExecutionEvent) => {
    update((current) => ({ ...current, state: applyEvent(current.state, event) }));
    openInput();
    onEvent(event);
    const ending = execution.value?.state.ending;
    if (ending) finish(ending, retry);
  };
  try {
    connection = await live.execute(request, listener);
    openInput();
    if (execution.value?.state.stopping) connection.cancel();
  } catch (error) {
    if (!(error instanceof TransportUnavailable)) throw error;
    endExecution({ kind: request.abort.signal.aborted ? "stopped" : "unreachable" }, retry);
  }
}

/** The server drops signals that arrive before a stage has started, so all input waits for the first stage. */
function openInput(): void {
  if (connection && execution.value && execution.value.state.stages.length > 0)
    input.open(connection);
}

/** Ends an execution without an event of the server. */
export function endExecution(ending: Ending, retry: () => Promise<void>): void {
  update((current) => ({ ...current, state: { ...current.state, ending } }));
  finish(ending, retry);
}

function finish(ending: Ending, retry: () => Promise<void>): void {
  closeInput();
  connection = null;
  input.close();
  if (ending.kind === "unreachable" || ending.kind === "disconnected") waitForServer();
  if (ending.kind !== "rejected") return;
  const { code, retry_after: seconds, error } = ending.error;
  postStatus(error);
  if (code === "unauthorized") askForKey(retry);
  if (NOT_READY.has(code)) waitForServer();
  if (TRANSIENT.has(code)) retryLater(seconds ?? 1, retry);
}

/** Stops the current execution. The second call does not wait for the server. */
export function stop(): void {
  cancelRetry();
  const current = execution.value;
  if (!current || current.state.ending) return;
  if (connection) connection.cancel();
  if (!connection || current.state.stopping) abort.abort();
  update(({ state, ...rest }) => ({ ...rest, state: { ...state, stopping: true } }));
}

/** Sends a message to the program, or queues it until the program can receive it. Returns false if it is dropped. */
export function sendToProgram(message: InputMessage): boolean {
  const accepted = input.push(message);
  // The server says so again if the program waits for more.
  if (accepted && message.type === "input")
    update((current) => ({ ...current, state: { ...current.state, waiting: false } }));
  if (!accepted && busy.value) {
    notice.value = t("inputDropped");
    postStatus(notice.value);
  }
  return accepted;
}

/** Records that the program can no longer receive lines. */
export function closeInput(): void {
  update((current) => ({ ...current, inputOpen: false }));
}

function update(next: (current: Execution) => Execution): void {
  if (execution.value) execution.value = next(execution.value);
}
