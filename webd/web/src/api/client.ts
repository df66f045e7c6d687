/** The server that executes the page's programs. The client library does the rest. */
import { Executor, LiveExecutor } from "@executor/client";

/** On the page's own origin, unless the page was built for another server. The page itself decides what to retry. */
export const client = new Executor({
  ...(__EXECUTOR_API__ !== "" && { url: __EXECUTOR_API__ }),
  retries: 0,
});
/** Executes on the best transport that works. */
export const live = new LiveExecutor(client.server);

/** Sets the API key of all requests from now on; an empty one is none. */
export function setApiKey(key: string): void {
  client.server.apiKey = key;
}
