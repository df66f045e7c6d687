import { DisconnectedError, ResponseError } from "./errors.js";
import type { Execution, LiveEvent } from "./execution.js";
import type {
  Answer,
  ExecuteRequest,
  FormatRequest,
  Formatted,
  Language,
  ServerEvent,
  TerminalSize,
} from "./messages.js";
import { ndjson } from "./ndjson.js";
import { Server, type ServerOptions } from "./server.js";
import { Session } from "./session.js";
import { Submissions, type CallOptions } from "./submissions.js";

/** Client of an Executor server. */
export class Executor {
  /** The server: its address and the API key. */
  readonly server: Server;
  /** Programs that the server stores and runs later. */
  readonly submissions: Submissions;

  constructor(options: ServerOptions = {}) {
    this.server = new Server(options);
    this.submissions = new Submissions(this.server);
  }

  /**
   * Executes a program and returns its result, whatever the program did. `idempotencyKey`, which you choose for the request,
   * makes the call safe to repeat on a server with submissions: the program runs once, and each call gets its result.
   */
  execute(
    request: ExecuteRequest,
    { idempotencyKey, signal }: CallOptions & { idempotencyKey?: string } = {},
  ): Promise<Answer> {
    return this.server.json("/api/execute", {
      method: "POST",
      body: request,
      signal,
      ...(idempotencyKey !== undefined && {
        headers: { "idempotency-key": idempotencyKey },
        idempotent: true,
      }),
    });
  }

  /** Executes a program and yields its events while it runs. Ending the loop early cancels the execution. */
  async *stream(
    request: ExecuteRequest,
    { signal }: CallOptions = {},
  ): AsyncGenerator<LiveEvent, void> {
    const abort = new AbortController();
    const stop = () => abort.abort(signal?.reason);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
    try {
      const { body } = await this.server.request("/api/execute", {
        method: "POST",
        body: request,
        headers: { accept: "application/x-ndjson" },
        signal: abort.signal,
      });
      if (body === null) throw new DisconnectedError();
      for await (const value of ndjson(body)) {
        const event = value as ServerEvent;
        if (event.type === "error") throw new ResponseError(event, 0);
        yield event;
        if (event.type === "finished") return;
      }
      throw new DisconnectedError();
    } finally {
      signal?.removeEventListener("abort", stop);
      abort.abort();
    }
  }

  /** Opens a session: a WebSocket on which programs run one after another and get input while they run. */
  openSession({ signal }: CallOptions = {}): Promise<Session> {
    return Session.open(this.server, signal);
  }

  /**
   * Starts a program in a session of its own, which closes when the program has ended. Without `stdin` and `runs`, the program
   * reads what is sent while it runs.
   */
  async start(
    request: ExecuteRequest,
    { terminal, signal }: CallOptions & { terminal?: TerminalSize } = {},
  ): Promise<Execution> {
    const session = await this.openSession(signal ? { signal } : {});
    const execution = session.start(request, terminal ? { terminal } : {});
    const close = () => session.close();
    signal?.addEventListener("abort", close);
    execution.onEnd(() => {
      signal?.removeEventListener("abort", close);
      close();
    });
    return execution;
  }

  /** Returns the languages of the server, with their options, limits and an example. */
  languages({ signal }: CallOptions = {}): Promise<Language[]> {
    return this.server.json("/api/languages", { signal });
  }

  /** Formats source code. A `ResponseError` with the code `not_formatted` has the message of the formatter. */
  format(request: FormatRequest, { signal }: CallOptions = {}): Promise<Formatted> {
    return this.server.json("/api/format", {
      method: "POST",
      body: request,
      signal,
      idempotent: true,
    });
  }

  /** Returns whether the server can execute programs at the moment. */
  async isReady({ signal }: CallOptions = {}): Promise<boolean> {
    try {
      return (await this.server.fetch("/readyz", signal ? { signal } : {})).ok;
    } catch {
      return false;
    }
  }

  /** Returns the server's OpenAPI description. */
  description({ signal }: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.server.json("/openapi.json", { signal });
  }
}
