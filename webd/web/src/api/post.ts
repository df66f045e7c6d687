import { apiUrl } from "./address";
import { ndjson } from "./ndjson";
import { replay } from "./replay";
import { Unreachable, type Line, type Listener, type Order } from "./transport";
import type { ApiError, PlainAnswer, ServerEvent } from "./types";

const ACCEPT = { stream: "application/x-ndjson", plain: "application/json" } as const;

/** Execute by `POST`, with the answer as it comes or in one piece. */
export async function overPost(
  transport: keyof typeof ACCEPT,
  order: Order,
  listener: Listener,
): Promise<Line> {
  const { hangUp } = order;
  try {
    const response = await post(order, ACCEPT[transport]);
    const tell = await begin(response);
    listener({ type: "reached", transport });
    void Promise.resolve(tell(listener)).catch(() =>
      listener({ type: hangUp.signal.aborted ? "stopped" : "lost" }),
    );
  } catch {
    if (!hangUp.signal.aborted) throw new Unreachable(transport);
    listener({ type: "stopped" });
  }
  const nothing = () => undefined;
  return {
    send: nothing,
    endInput: nothing,
    signal: nothing,
    resize: nothing,
    cancel: () => hangUp.abort(),
  };
}

/** Without a session a program reads what was written before it started, and then the end of its input. */
function post({ request, hangUp }: Order, accept: string): Promise<Response> {
  return fetch(apiUrl("/api/execute"), {
    method: "POST",
    headers: { "content-type": "application/json", accept },
    body: JSON.stringify(request),
    signal: hangUp.signal,
  });
}

/** Tells a listener everything, to the end. */
type Story = (listener: Listener) => void | Promise<void>;

/** What is told, from the first of it on: a way on which nothing arrives is no way. */
async function begin(response: Response): Promise<Story> {
  if (!response.ok) {
    const error = await refusal(response);
    return (listener) => {
      listener({ type: "error", ...error });
    };
  }
  // Whatever was asked for, a server or a proxy may answer in one piece.
  if (response.body === null || !response.headers.get("content-type")?.includes("ndjson")) {
    const answer = (await response.json()) as PlainAnswer;
    return (listener) => {
      replay(answer, listener);
    };
  }
  const events = ndjson(response.body);
  const first = await events.next();
  if (first.done) throw new Error("the stream is empty");
  return (listener) => watch(first.value as ServerEvent, events, listener);
}

async function watch(
  first: ServerEvent,
  events: AsyncIterable<unknown>,
  listener: Listener,
): Promise<void> {
  let last = first;
  listener(first);
  for await (const event of events) {
    last = event as ServerEvent;
    listener(last);
  }
  if (last.type !== "finished" && last.type !== "error") throw new Error("the stream broke off");
}

/** Errors are JSON, unless something between us and the server made them. */
async function refusal(response: Response): Promise<ApiError> {
  try {
    return (await response.json()) as ApiError;
  } catch {
    const words = `the server answered ${response.status} ${response.statusText}`.trim();
    const gone = response.status === 502 || response.status === 504;
    return { error: words, code: gone ? "unavailable" : "http" };
  }
}
