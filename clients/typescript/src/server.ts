import { ExecutorError, ResponseError, connectionError, readError } from "./errors.js";
import type { Token } from "./messages.js";

/** Default of `retries`. */
const RETRIES = 2;
/** Default of `maxRetryDelay`, in seconds. */
const MAX_RETRY_DELAY_S = 30;
/** Delay before a retry that the server named no time for, in seconds. It doubles with each retry. */
const FIRST_DELAY_S = 0.5;

/** Constructor of a WebSocket, such as that of browsers or of the package `ws`. */
export type WebSocketConstructor = new (url: URL, protocols: string[]) => object;

/** Where the server is and how to reach it. */
export interface ServerOptions {
  /** URL of the server, such as `https://executor.example.org`. Default: the origin of the page. */
  url?: string | URL;
  /** API key, if the server wants one. */
  apiKey?: string;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** Default: the global `WebSocket`, which Node.js has since version 22. With Node.js 20, pass that of the package `ws`. */
  webSocket?: WebSocketConstructor;
  /** How often a request is repeated that the server was too busy for. Default: 2. */
  retries?: number;
  /** Longest time to wait for a retry, in seconds; if the server asks for more, the request fails. Default: 30. */
  maxRetryDelay?: number;
}

/** A request to the API. */
export interface ApiRequest {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. */
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Whether the request may be repeated after the connection broke, because it has no further effect then. */
  idempotent?: boolean;
}

/** The server: its address, the API key, and requests with retries. */
export class Server {
  /** The user's API key; empty if there is none. It can be changed at any time. */
  apiKey: string;

  constructor(private readonly options: ServerOptions = {}) {
    this.apiKey = options.apiKey ?? "";
  }

  /** Returns the URL of an API path. The path of the server's own URL is kept before it. */
  url(path: string): URL {
    const base = new URL(this.options.url ?? globalThis.location.origin);
    base.pathname = base.pathname.replace(/\/+$/, "") + path;
    return base;
  }

  /** Returns the URL of sessions. */
  sessionUrl(): URL {
    const url = this.url("/api/session");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return url;
  }

  /** Returns the header that names the key. */
  authorization(): { authorization?: string } {
    return this.apiKey === "" ? {} : { authorization: `Bearer ${this.apiKey}` };
  }

  /** Sends one request without retries. */
  fetch(path: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = typeof path === "string" ? this.url(path) : path;
    // Called as a plain function: browsers refuse a `fetch` whose `this` is another object.
    const send = this.options.fetch ?? globalThis.fetch;
    return send(url, init);
  }

  /**
   * Sends a request, and repeats it if the server was too busy. Throws a `ResponseError` for any response that is not
   * successful.
   */
  async request(path: string, request: ApiRequest = {}): Promise<Response> {
    const { method = "GET", body, query = {}, headers, signal, idempotent } = request;
    const url = this.url(path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const init: RequestInit = {
      method,
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...this.authorization(),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    };
    for (let attempt = 0; ; attempt++) {
      const failure = await this.attempt(url, init);
      if (failure instanceof Response) return failure;
      const delay = this.retryDelay(failure, attempt, idempotent ?? method !== "POST");
      if (delay === null || signal?.aborted) throw failure;
      await sleep(delay, signal);
    }
  }

  private async attempt(url: URL, init: RequestInit): Promise<Response | Error> {
    try {
      const response = await this.fetch(url, init);
      if (response.ok) return response;
      return new ResponseError(await readError(response), response.status);
    } catch (error) {
      return connectionError(error, `${init.method ?? "GET"} ${url}`);
    }
  }

  /** Returns the seconds to wait before a retry, or null if the request must not or need not be repeated. */
  private retryDelay(failure: Error, attempt: number, idempotent: boolean): number | null {
    if (attempt >= (this.options.retries ?? RETRIES)) return null;
    const backoff = FIRST_DELAY_S * 2 ** attempt;
    // The server executes nothing of a request that it answers with 429 or 503.
    if (!(failure instanceof ResponseError)) return idempotent ? backoff : null;
    if (failure.status !== 429 && failure.status !== 503) return null;
    const delay = failure.retryAfter ?? backoff;
    return delay <= (this.options.maxRetryDelay ?? MAX_RETRY_DELAY_S) ? delay : null;
  }

  /** Sends a request and parses the JSON of the response. */
  async json<T>(path: string, request: ApiRequest = {}): Promise<T> {
    const response = await this.request(path, request);
    try {
      return (await response.json()) as T;
    } catch (error) {
      throw connectionError(error, `${request.method ?? "GET"} ${this.url(path)}`);
    }
  }

  /**
   * Returns the subprotocols to offer for a WebSocket. A page cannot set its headers, and a key in a URL would be logged: the
   * key is exchanged for a token that is valid once.
   */
  async sessionProtocols(signal?: AbortSignal): Promise<string[]> {
    if (this.apiKey === "") return [];
    const response = await this.fetch("/api/token", {
      method: "POST",
      headers: this.authorization(),
      ...(signal && { signal }),
    });
    // The server has no keys, or not this one: the answer to the execution says which.
    if (response.status === 401) return [];
    if (!response.ok) throw new ResponseError(await readError(response), response.status);
    return ((await response.json()) as Token).protocols;
  }

  /** Creates a WebSocket for a session. */
  createSocket(protocols: string[]): WebSocket {
    const constructor =
      this.options.webSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    if (!constructor)
      throw new ExecutorError(
        "this runtime has no WebSocket: pass the option `webSocket`, such as that of the package ws",
      );
    return new constructor(this.sessionUrl(), protocols) as WebSocket;
  }
}

function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new ExecutorError("aborted"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
