import { DisconnectedError, readError } from "./errors.js";
import type { Answer, ServerEvent } from "./messages.js";
import { ndjson } from "./ndjson.js";
import { replay } from "./replay.js";
import type { Server } from "./server.js";
import {
  TransportUnavailable,
  type Connection,
  type EventListener,
  type ExecutionRequest,
} from "./transport.js";

const ACCEPT = { stream: "application/x-ndjson", plain: "application/json" } as const;

/** Executes by `POST`, with a streamed or a complete answer. */
export async function executeByPost(
  server: Server,
  transport: keyof typeof ACCEPT,
  request: ExecutionRequest,
  onEvent: EventListener,
): Promise<Connection> {
  const { abort } = request;
  try {
    const response = await post(server, request, ACCEPT[transport]);
    const deliver = await readStart(response);
    onEvent({ type: "connected", transport });
    void Promise.resolve(deliver(onEvent)).catch(() =>
      onEvent({ type: abort.signal.aborted ? "stopped" : "disconnected" }),
    );
  } catch {
    if (!abort.signal.aborted) throw new TransportUnavailable(transport);
    onEvent({ type: "stopped" });
  }
  const ignore = () => undefined;
  return {
    sendInput: ignore,
    endInput: ignore,
    sendSignal: ignore,
    resize: ignore,
    cancel: () => abort.abort(),
  };
}

/** The program reads the request's stdin and then the end of input; a missing stdin is empty. */
function post(
  server: Server,
  { body, abort }: ExecutionRequest,
  accept: string,
): Promise<Response> {
  return server.fetch("/api/execute", {
    method: "POST",
    headers: { "content-type": "application/json", accept, ...server.authorization() },
    body: JSON.stringify(body),
    signal: abort.signal,
  });
}

/** Passes all events of an answer to a listener. */
type Deliver = (onEvent: EventListener) => void | Promise<void>;

/**
 * Reads the start of an answer. It waits for the first event: a transport on which nothing arrives counts as
 * unavailable.
 */
async function readStart(response: Response): Promise<Deliver> {
  if (!response.ok) {
    const error = await readError(response);
    return (onEvent) => {
      onEvent({ type: "error", ...error });
    };
  }
  // A server or a proxy may send a complete answer although a stream was requested.
  if (response.body === null || !response.headers.get("content-type")?.includes("ndjson")) {
    const answer = (await response.json()) as Answer;
    return (onEvent) => {
      replay(answer, onEvent);
    };
  }
  const events = ndjson(response.body);
  const first = await events.next();
  if (first.done) throw new Error("the stream is empty");
  return (onEvent) => forward(first.value as ServerEvent, events, onEvent);
}

async function forward(
  first: ServerEvent,
  events: AsyncIterable<unknown>,
  onEvent: EventListener,
): Promise<void> {
  let last = first;
  onEvent(first);
  for await (const event of events) {
    last = event as ServerEvent;
    onEvent(last);
  }
  if (last.type !== "finished" && last.type !== "error") throw new DisconnectedError();
}
