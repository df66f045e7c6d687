import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test, vi } from "vitest";
import {
  DisconnectedError,
  Executor,
  fileBytes,
  ResponseError,
  Server,
  type LiveEvent,
  type ServerOptions,
} from "@executor/client";

const KEY = "exk_secret";
const signal = new AbortController().signal;

interface Recorded {
  url: string;
  init: RequestInit;
}

/** A `fetch` that gives these answers one after another, and records the requests. */
function answers(...responses: (Response | Error)[]) {
  const requests: Recorded[] = [];
  const fetch = ((url: URL, init: RequestInit) => {
    requests.push({ url: url.href, init });
    const response = responses.shift() ?? new Error("no answer is left");
    return response instanceof Error ? Promise.reject(response) : Promise.resolve(response);
  }) as typeof globalThis.fetch;
  return { fetch, requests };
}

const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
const busy = (retry_after?: number) =>
  json(429, { error: "too busy", code: "busy", ...(retry_after && { retry_after }) });

function executor(fetch: typeof globalThis.fetch, options: ServerOptions = {}): Executor {
  return new Executor({ url: "http://executor.example", fetch, ...options });
}

test("without a key, nothing is sent", async () => {
  const { fetch, requests } = answers();
  const server = new Server({ url: "http://executor.example", fetch });
  expect(server.authorization()).toEqual({});
  expect(await server.sessionProtocols(signal)).toEqual([]);
  expect(requests).toEqual([]);
});

test("a session offers a token instead of the key, and no URL has the key", async () => {
  const { fetch, requests } = answers(
    json(200, { token: "abc", protocols: ["executor", "token.abc"], expires_in: 60 }),
  );
  const server = new Server({ url: "http://executor.example", fetch, apiKey: KEY });
  expect(await server.sessionProtocols(signal)).toEqual(["executor", "token.abc"]);
  expect(requests.map(({ url }) => url)).toEqual(["http://executor.example/api/token"]);
  expect(requests[0]?.init).toMatchObject({
    method: "POST",
    headers: { authorization: `Bearer ${KEY}` },
  });
});

test("a server that does not accept the key answers to the execution", async () => {
  const { fetch } = answers(json(401, { error: "no", code: "unauthorized" }), json(503, {}));
  const server = new Server({ url: "http://executor.example", fetch, apiKey: KEY });
  expect(await server.sessionProtocols(signal)).toEqual([]);
  await expect(server.sessionProtocols(signal)).rejects.toThrow("503");
});

test("the path of the server's URL is kept", () => {
  const server = new Server({ url: "https://example.org/executor/" });
  expect(server.url("/api/execute").href).toBe("https://example.org/executor/api/execute");
  expect(server.sessionUrl().href).toBe("wss://example.org/executor/api/session");
});

test("an error has the fields of the server", async () => {
  const fields = { code: "unsupported_language", requested: "x", available: ["c"] };
  const { fetch } = answers(json(400, { error: "Unsupported language", ...fields }));
  const error = await executor(fetch)
    .execute({ language: "x", code: "" })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ResponseError);
  expect(error).toMatchObject({ ...fields, status: 400 });
  expect((error as Error).message).toBe("Unsupported language");
});

test("a busy server is asked again after the time that it names, and not forever", async () => {
  vi.useFakeTimers();
  const { fetch, requests } = answers(busy(3), busy(), json(200, { output: "42\n" }));
  const answer = executor(fetch).execute({ language: "python", code: "print(42)" });
  await vi.advanceTimersByTimeAsync(2900);
  expect(requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(requests.length).toBe(2);
  await vi.advanceTimersByTimeAsync(1100);
  expect(await answer).toEqual({ output: "42\n" });

  const refused = executor(answers(busy(3600)).fetch).languages();
  await expect(refused).rejects.toMatchObject({ code: "busy", retryAfter: 3600 });
  const always = executor(answers(busy(1), busy(1), busy(1)).fetch).languages();
  const ended = expect(always).rejects.toMatchObject({ code: "busy" });
  await vi.advanceTimersByTimeAsync(5000);
  await ended;
  vi.useRealTimers();
});

test("after a broken connection, only what has no second effect is repeated", async () => {
  vi.useFakeTimers();
  const broken = () => new TypeError("fetch failed", { cause: new Error("refused") });
  const program = { language: "c", code: "" };
  const once = answers(broken(), json(200, {}));
  const failed = executor(once.fetch).execute(program);
  await expect(failed).rejects.toThrow(DisconnectedError);
  await expect(failed).rejects.toThrow("POST http://executor.example/api/execute: refused");
  expect(once.requests.length).toBe(1);

  const twice = answers(broken(), json(200, {}));
  const answer = executor(twice.fetch).execute(program, { idempotencyKey: "k1" });
  await vi.advanceTimersByTimeAsync(1000);
  expect(await answer).toEqual({});
  expect(twice.requests[1]?.init.headers).toMatchObject({ "idempotency-key": "k1" });
  vi.useRealTimers();
});

test("a stream yields events, and throws if it ends too early", async () => {
  const lines = (...events: object[]) =>
    new Response(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  const collect = async (response: Response) => {
    const events: LiveEvent["type"][] = [];
    for await (const { type } of executor(answers(response).fetch).stream({ language: "c" }))
      events.push(type);
    return events;
  };
  const stage = { type: "stage", stage: "run", run: 0 };
  expect(await collect(lines(stage, { type: "finished" }))).toEqual(["stage", "finished"]);
  await expect(collect(lines(stage))).rejects.toThrow(DisconnectedError);
  const cut = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode(`${JSON.stringify(stage)}\n`));
    },
    pull: (controller) => {
      controller.error(new TypeError("terminated"));
    },
  });
  const lost = collect(new Response(cut));
  await expect(lost).rejects.toThrow(DisconnectedError);
  await expect(lost).rejects.toThrow("the connection was lost: terminated");
  const error = { type: "error", error: "internal failure", code: "failed", id: "7" };
  await expect(collect(lines(stage, error))).rejects.toMatchObject({ code: "failed", id: "7" });
});

test("a submission is watched until its final state", async () => {
  const event = (status: string) =>
    `event: submission\r\ndata: {"token":"t","status":"${status}"}\r\n\r\n: ping\n\n`;
  const { fetch, requests } = answers(
    new Response(event("queued") + event("running") + event("finished") + event("late")),
  );
  const states: string[] = [];
  for await (const { status } of executor(fetch).submissions.watch("t")) states.push(status);
  expect(states).toEqual(["queued", "running", "finished"]);
  expect(requests[0]?.url).toBe("http://executor.example/api/submissions/t");
});

/** A WebSocket whose server is the test. */
class FakeSocket {
  static last: FakeSocket;
  readyState = 0;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;

  constructor(
    readonly url: URL,
    readonly protocols: string[],
  ) {
    FakeSocket.last = this;
    queueMicrotask(() => {
      this.readyState = 1;
      this.onopen?.();
    });
  }
  send(frame: string) {
    this.sent.push(frame);
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  receive(event: object) {
    this.onmessage?.({ data: JSON.stringify(event) });
  }
}

test("a session runs programs one after another and sends them input", async () => {
  const session = await executor(answers().fetch, { webSocket: FakeSocket }).openSession();
  const socket = FakeSocket.last;
  expect(socket.url.href).toBe("ws://executor.example/api/session");
  const run = session.start({ language: "c", code: "" }, { terminal: { columns: 80, rows: 24 } });
  expect(() => session.start({ language: "c", code: "" })).toThrow("one at a time");
  run.sendInput("Ada\n");
  run.endInput();
  socket.receive({ type: "stage", stage: "run", run: 0 });
  socket.receive({ type: "finished", status: "ok" });
  expect(await run.result()).toMatchObject({ status: "ok" });
  expect(socket.sent.map((frame) => JSON.parse(frame) as unknown)).toEqual([
    { type: "start", language: "c", code: "", tty: true, columns: 80, rows: 24 },
    { type: "stdin", data: "Ada\n" },
    { type: "end_of_input" },
  ]);
  const second = session.start({ language: "c", code: "" });
  socket.close();
  await expect(second.result()).rejects.toThrow(DisconnectedError);
  expect(() => session.start({ language: "c", code: "" })).toThrow(DisconnectedError);
});

test("without a WebSocket, the error says what to pass", async () => {
  vi.stubGlobal("WebSocket", undefined);
  await expect(executor(answers().fetch).openSession()).rejects.toThrow("option `webSocket`");
  vi.unstubAllGlobals();
});

test("an output file is bytes, whether it is text or not", () => {
  expect([...fileBytes({ content: "é" })]).toEqual([0xc3, 0xa9]);
  expect([...fileBytes({ content_base64: "/w==" })]).toEqual([0xff]);
});

test("the API has each path that the client library uses", () => {
  const sources = resolve(import.meta.dirname, "../../../../clients/typescript/src");
  const text = readdirSync(sources).map((name) => readFileSync(join(sources, name), "utf8"));
  const used = text.join("\n").matchAll(/"(\/(?:api\/|readyz|openapi)[^"]*)"/g);
  const paths = new Set([...used].map(([, path]) => path));
  const description = resolve(import.meta.dirname, "../../../src/api/openapi.json");
  const api = JSON.parse(readFileSync(description, "utf8")) as { paths: Record<string, unknown> };
  expect(paths.size).toBe(8);
  expect([...paths].filter((path) => path === undefined || !(path in api.paths))).toEqual([]);
  expect("/api/submissions/{token}" in api.paths).toBe(true);
});
