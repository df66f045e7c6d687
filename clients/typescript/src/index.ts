/** Client of Executor, which runs untrusted programs. See README.md. */
export { fromBase64, toBase64 } from "./base64.js";
export { DisconnectedError, ExecutorError, ResponseError } from "./errors.js";
export { Execution, type LiveEvent } from "./execution.js";
export { Executor } from "./executor.js";
export { InputQueue, MAX_QUEUED_BYTES, type InputMessage } from "./input-queue.js";
export { LiveExecutor } from "./live-executor.js";
export type * from "./messages.js";
export { ndjson } from "./ndjson.js";
export { fileBytes } from "./output-file.js";
export { replay } from "./replay.js";
export {
  Server,
  type ApiRequest,
  type ServerOptions,
  type WebSocketConstructor,
} from "./server.js";
export { Session } from "./session.js";
export { Submissions, type CallOptions } from "./submissions.js";
export {
  TransportUnavailable,
  type Connection,
  type EventListener,
  type ExecutionEvent,
  type ExecutionRequest,
  type TransportName,
} from "./transport.js";
export type { components } from "./types.js";
