import type { ApiError, ExecuteRequest, ServerEvent, Signal, TerminalSize } from "./messages.js";

/** Ways to send an execution to the server, in order of preference. */
export type TransportName = "session" | "stream" | "plain";

/** Event of an execution. The last one is `finished`, `error`, `disconnected` or `stopped`. */
export type ExecutionEvent =
  | Exclude<ServerEvent, { type: "error" }>
  | ({ type: "error" } & ApiError)
  /** The server accepted the request on this transport. */
  | { type: "connected"; transport: TransportName }
  /** The connection ended before the program did. */
  | { type: "disconnected" }
  /** The page closed the connection, and the server stopped the program. */
  | { type: "stopped" };

export type EventListener = (event: ExecutionEvent) => void;

export interface ExecutionRequest {
  body: ExecuteRequest;
  /** Closes the connection, also while it is being opened. */
  abort: AbortController;
  /** Size of the program's terminal; without it the program has pipes. */
  terminal?: TerminalSize;
}

/** Connection to a running program. On transports other than `session`, all methods but `cancel` have no effect. */
export interface Connection {
  sendInput(data: string | Uint8Array): void;
  endInput(): void;
  sendSignal(signal: Signal): void;
  resize(size: TerminalSize): void;
  cancel(): void;
}

/** The transport cannot be used, and nothing was executed: the next transport can be tried. */
export class TransportUnavailable extends Error {
  constructor(readonly transport: TransportName) {
    super(`transport ${transport} is unavailable`);
  }
}
