import { executeByPost } from "./post";
import { executeInSession } from "./session";
import {
  TransportUnavailable,
  type Connection,
  type EventListener,
  type ExecutionRequest,
} from "./transport";

type Execute = (request: ExecutionRequest, onEvent: EventListener) => Promise<Connection>;

/** In order of preference. */
const TRANSPORTS: Execute[] = [
  executeInSession,
  (request, onEvent) => executeByPost("stream", request, onEvent),
  (request, onEvent) => executeByPost("plain", request, onEvent),
];
/** Time for which unavailable transports are not tried again: a proxy that blocks them keeps doing so. */
const FALLBACK_MS = 5 * 60_000;

let fallback = { index: 0, since: 0 };

/** Tries all transports again with the next execution: what made one unavailable has changed. */
export function forgetUnavailable(): void {
  fallback = { index: 0, since: 0 };
}

/** Executes on the best available transport. If it throws `TransportUnavailable`, nothing was executed. */
export async function execute(
  request: ExecutionRequest,
  onEvent: EventListener,
): Promise<Connection> {
  const first = Date.now() - fallback.since < FALLBACK_MS ? fallback.index : 0;
  for (const [index, transport] of TRANSPORTS.entries()) {
    if (index < first) continue;
    try {
      const connection = await transport(request, onEvent);
      if (index !== first) fallback = { index, since: Date.now() };
      return connection;
    } catch (error) {
      if (!(error instanceof TransportUnavailable)) throw error;
    }
  }
  throw new TransportUnavailable("plain");
}
