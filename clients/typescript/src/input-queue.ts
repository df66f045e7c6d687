import type { Signal, TerminalSize } from "./messages.js";
import type { Connection } from "./transport.js";

/** Message to a running program. */
export type InputMessage =
  | { type: "input"; data: string | Uint8Array }
  | { type: "end_of_input" }
  | { type: "signal"; signal: Signal }
  | { type: "resize"; size: TerminalSize };

/** Size limit of the messages that wait for the connection. The server buffers 2 MiB of unread input. */
export const MAX_QUEUED_BYTES = 1024 * 1024;
/** Bytes that each message counts in addition to its data, so that many small messages are bounded too. */
const MESSAGE_COST = 64;

/**
 * Ordered queue of the messages to one execution. Messages wait until the queue is opened, and pass straight through
 * afterwards: input typed before the connection exists, or before the program starts, is not lost.
 */
export class InputQueue {
  private waiting: InputMessage[] = [];
  private waitingBytes = 0;
  private connection: Connection | null = null;
  private closed = false;

  /** Sends a message, or keeps it until the queue is opened. Returns false if the message is dropped. */
  push(message: InputMessage): boolean {
    if (this.closed) return false;
    if (this.connection) {
      send(this.connection, message);
      return true;
    }
    // Only the latest size matters.
    if (message.type === "resize") this.remove((queued) => queued.type === "resize");
    if (this.waitingBytes + cost(message) > MAX_QUEUED_BYTES) return false;
    this.waiting.push(message);
    this.waitingBytes += cost(message);
    return true;
  }

  /** Sends all waiting messages in order. Later messages are sent immediately. */
  open(connection: Connection): void {
    if (this.closed) return;
    this.connection = connection;
    for (const message of this.waiting) send(connection, message);
    this.clear();
  }

  /** Drops all waiting and future messages: the execution has ended. */
  close(): void {
    this.closed = true;
    this.connection = null;
    this.clear();
  }

  private clear(): void {
    this.waiting = [];
    this.waitingBytes = 0;
  }

  private remove(matches: (queued: InputMessage) => boolean): void {
    this.waiting = this.waiting.filter((queued) => !matches(queued));
    this.waitingBytes = this.waiting.reduce((sum, queued) => sum + cost(queued), 0);
  }
}

/** Upper bound for the memory of a message: UTF-8 needs at most three bytes for a UTF-16 code unit. */
function cost(message: InputMessage): number {
  if (message.type !== "input") return MESSAGE_COST;
  const { data } = message;
  return MESSAGE_COST + (typeof data === "string" ? 3 * data.length : data.length);
}

function send(connection: Connection, message: InputMessage): void {
  switch (message.type) {
    case "input":
      connection.sendInput(message.data);
      break;
    case "end_of_input":
      connection.endInput();
      break;
    case "signal":
      connection.sendSignal(message.signal);
      break;
    case "resize":
      connection.resize(message.size);
      break;
  }
}
