import { DisconnectedError } from "./errors.js";
import type {
  AcceptedSubmission,
  Submission,
  SubmissionRequest,
  SubmissionState,
} from "./messages.js";
import type { Server } from "./server.js";
import { serverSentEvents } from "./sse.js";

const PATH = "/api/submissions";
/** Seconds of one request that waits. The server allows 60, proxies often no more. */
const WAIT_S = 30;
const FINAL: readonly SubmissionState[] = ["finished", "failed", "cancelled", "expired"];

/** Settings of a single call. */
export interface CallOptions {
  signal?: AbortSignal;
}

/** Programs that the server stores and runs later, if its administrator enabled that. */
export class Submissions {
  constructor(private readonly server: Server) {}

  /**
   * Stores a program. With `id`, a UUID that you choose, the call can be repeated without another effect, also after an
   * error that leaves open whether the server received it.
   */
  create(
    request: SubmissionRequest,
    { id, signal }: CallOptions & { id?: string } = {},
  ): Promise<AcceptedSubmission> {
    return id === undefined
      ? this.server.json(PATH, { method: "POST", body: request, signal })
      : this.server.json(path(id), { method: "PUT", body: request, signal });
  }

  /** Stores up to 100 programs: all of them or none. */
  async createBatch(
    requests: SubmissionRequest[],
    { signal }: CallOptions = {},
  ): Promise<AcceptedSubmission[]> {
    const body = { submissions: requests };
    const { submissions } = await this.server.json<{ submissions: AcceptedSubmission[] }>(PATH, {
      method: "POST",
      body,
      signal,
    });
    return submissions;
  }

  /** Returns a submission as it is now or, with `wait`, when it has ended, or after `wait` seconds (at most 60). */
  get(token: string, { wait, signal }: CallOptions & { wait?: number } = {}): Promise<Submission> {
    return this.server.json(path(token), { query: { wait }, signal });
  }

  /** Waits until a submission has ended, however long that takes. */
  async wait(token: string, { signal }: CallOptions = {}): Promise<Submission> {
    for (;;) {
      const submission = await this.get(token, { wait: WAIT_S, ...(signal && { signal }) });
      if (FINAL.includes(submission.status)) return submission;
    }
  }

  /** Yields a submission each time that its state changes, up to its final state. */
  async *watch(token: string, { signal }: CallOptions = {}): AsyncGenerator<Submission, void> {
    const headers = { accept: "text/event-stream" };
    const { body } = await this.server.request(path(token), { headers, signal });
    if (body === null) throw new DisconnectedError();
    for await (const data of serverSentEvents(body)) {
      const submission = JSON.parse(data) as Submission;
      yield submission;
      if (FINAL.includes(submission.status)) return;
    }
    throw new DisconnectedError("the connection ended before the submission did");
  }

  /** Returns the submissions of the API key without their results, the newest first. */
  async list(
    options: CallOptions & { limit?: number; before?: string } = {},
  ): Promise<Submission[]> {
    const { limit, before, signal } = options;
    const list = await this.server.json<{ submissions: Submission[] }>(PATH, {
      query: { limit, before },
      signal,
    });
    return list.submissions;
  }

  /** Cancels a submission and kills its program. Of a submission that has ended, deletes the result. */
  cancel(token: string, { signal }: CallOptions = {}): Promise<Submission> {
    return this.server.json(path(token), { method: "DELETE", signal });
  }
}

function path(token: string): string {
  return `${PATH}/${encodeURIComponent(token)}`;
}
