import { executeByPost } from "./post.js";
import type { Server } from "./server.js";
import { executeInSession } from "./session.js";
import {
  TransportUnavailable,
  type Connection,
  type EventListener,
  type ExecutionRequest,
} from "./transport.js";

type Execute = (
  server: Server,
  request: ExecutionRequest,
  onEvent: EventListener,
) => Promise<Connection>;

/** In order of preference. */
const TRANSPORTS: Execute[] = [
  executeInSession,
  (server, request, onEvent) => executeByPost(server, "stream", request, onEvent),
  (server, request, onEvent) => executeByPost(server, "plain", request, onEvent),
];
/** Time for which unavailable transports are not tried again: a proxy that blocks them keeps doing so. */
const FALLBACK_MS = 5 * 60_000;

/** Executes on the best transport that works between here and the server: some proxies block WebSockets or streams. */
export class LiveExecutor {
  private fallback = { index: 0, since: 0 };

  constructor(private readonly server: Server) {}

  /** Tries all transports again with the next execution: what made one unavailable has changed. */
  forgetUnavailable(): void {
    this.fallback = { index: 0, since: 0 };
  }

  /** Executes on the best available transport. If it throws `TransportUnavailable`, nothing was executed. */
  async execute(request: ExecutionRequest, onEvent: EventListener): Promise<Connection> {
    const first = Date.now() - this.fallback.since < FALLBACK_MS ? this.fallback.index : 0;
    for (const [index, transport] of TRANSPORTS.entries()) {
      if (index < first) continue;
      try {
        const connection = await transport(this.server, request, onEvent);
        if (index !== first) this.fallback = { index, since: Date.now() };
        return connection;
      } catch (error) {
        if (!(error instanceof TransportUnavailable)) throw error;
      }
    }
    throw new TransportUnavailable("plain");
  }
}
