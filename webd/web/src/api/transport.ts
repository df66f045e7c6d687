import type { ExecuteRequest, ServerEvent, Signal, TerminalSize } from "./types";

/** Ways to reach the server, the best first. */
export type TransportName = "session" | "stream" | "plain";

/** What becomes of an execution, as the page sees it. The last one is `finished`, `error`, `lost` or `stopped`. */
export type RunEvent =
  | ServerEvent
  /** The server has it, and this is how we talk. */
  | { type: "reached"; transport: TransportName }
  /** The connection ended before the program did. */
  | { type: "lost" }
  /** We hung up, and the server ended the program. */
  | { type: "stopped" };

export type Listener = (event: RunEvent) => void;

export interface Order {
  request: ExecuteRequest;
  /** Gives up, also while the server has not answered yet. */
  hangUp: AbortController;
  /** The program gets a terminal of this size. */
  terminal?: TerminalSize;
}

/** What can be said to a program that runs. Without a session, only `cancel` does anything. */
export interface Line {
  send(data: string | Uint8Array): void;
  endInput(): void;
  signal(signal: Signal): void;
  resize(size: TerminalSize): void;
  cancel(): void;
}

/** This way is closed, and nothing was executed: try the next. */
export class Unreachable extends Error {
  constructor(readonly transport: TransportName) {
    super(`no ${transport}`);
  }
}
