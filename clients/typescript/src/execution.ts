import { DisconnectedError, ExecutorError, ResponseError } from "./errors.js";
import type { FinishedEvent, ServerEvent, Signal, TerminalSize } from "./messages.js";
import type { Connection, ExecutionEvent } from "./transport.js";

/** Event of an execution that runs. An error is thrown instead. */
export type LiveEvent = Exclude<ServerEvent, { type: "error" }>;

/**
 * A running program. Iterate over its events, which end with `finished`, or wait for `result()`. A failure of the server
 * or of the connection is thrown.
 */
export class Execution implements AsyncIterable<LiveEvent> {
  private readonly waiting: LiveEvent[] = [];
  private failure: Error | null = null;
  private ended = false;
  private wake: () => void = () => undefined;
  private connection: Connection | null = null;
  private afterEnd: () => void = () => undefined;

  /** Sets where input goes. */
  connect(connection: Connection): void {
    this.connection = connection;
  }

  /** Sets what happens when the execution has ended. */
  onEnd(listener: () => void): void {
    this.afterEnd = listener;
  }

  /** Accepts an event of the server. */
  accept(event: ExecutionEvent): void {
    if (event.type === "error") this.failure = new ResponseError(event, 0);
    else if (event.type === "disconnected") this.failure = new DisconnectedError();
    else if (event.type !== "connected" && event.type !== "stopped") this.waiting.push(event);
    if (this.failure || event.type === "finished") {
      this.ended = true;
      this.afterEnd();
    }
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LiveEvent, void> {
    for (;;) {
      const event = this.waiting.shift();
      if (event) yield event;
      else if (this.failure) throw this.failure;
      else if (this.ended) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Waits for the end. Events that nobody has iterated over are dropped. */
  async result(): Promise<FinishedEvent> {
    for await (const event of this) if (event.type === "finished") return event;
    throw new ExecutorError("the result was read before");
  }

  /** Sends input: text, or bytes. */
  sendInput(data: string | Uint8Array): void {
    this.connection?.sendInput(data);
  }

  /** Ends the input. In a terminal, this has the effect of Ctrl+D. */
  endInput(): void {
    this.connection?.endInput();
  }

  /** Sends a signal to the program. */
  sendSignal(signal: Signal): void {
    this.connection?.sendSignal(signal);
  }

  /** Changes the size of the program's terminal. */
  resize(size: TerminalSize): void {
    this.connection?.resize(size);
  }

  /** Cancels the execution. Its `finished` event still arrives. */
  cancel(): void {
    this.connection?.cancel();
  }
}
