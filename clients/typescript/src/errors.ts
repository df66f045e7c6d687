import type { ApiError, ErrorCode } from "./messages.js";

/** Any failure of a request that is not the program's own: such a failure is a result, not an error. */
export class ExecutorError extends Error {
  override readonly name: string = "ExecutorError";
}

/** The server refused a request, or could not execute it. */
export class ResponseError extends ExecutorError {
  override readonly name = "ResponseError";
  /** Stable name of the error, such as `unsupported_language`. */
  readonly code: ErrorCode;
  /** Id of the execution in the server's log, if the server failed. */
  readonly id: string | undefined;
  /** Seconds after which a retry may succeed. */
  readonly retryAfter: number | undefined;
  /** Name of the language that was requested, if that is what is wrong. */
  readonly requested: string | undefined;
  /** Names of the languages that can be used instead. */
  readonly available: string[] | undefined;

  /** Creates the error of a response; `status` is 0 for an error event of a live execution. */
  constructor(
    readonly body: ApiError,
    readonly status: number,
  ) {
    super(body.error);
    this.code = body.code;
    this.id = body.id;
    this.retryAfter = body.retry_after;
    this.requested = body.requested;
    this.available = body.available;
  }
}

/** The server cannot be reached, or the connection ended before the execution did, which is cancelled then. */
export class DisconnectedError extends ExecutorError {
  override readonly name = "DisconnectedError";

  constructor(message = "the connection ended before the execution did", options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * Returns the error of a request that got no response, or not all of it. For that, `fetch` throws a `TypeError` that says little,
 * and Node.js has the reason in its `cause`.
 */
export function connectionError(error: unknown, what: string): Error {
  if (!(error instanceof TypeError))
    return error instanceof Error ? error : new ExecutorError(String(error));
  const { message = "", code = "" } = (error.cause ?? {}) as { message?: string; code?: string };
  return new DisconnectedError(`${what}: ${message || code || error.message}`, { cause: error });
}

/** Reads the error of a response. Errors of the server are JSON; those of a proxy may be anything. */
export async function readError(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as Partial<ApiError>;
    if (typeof body.error === "string" && typeof body.code === "string") return body as ApiError;
  } catch {
    // Not JSON.
  }
  const error = `the server returned ${response.status} ${response.statusText}`.trim();
  const unavailable = response.status === 502 || response.status === 504;
  return { error, code: unavailable ? "unavailable" : "http" };
}
