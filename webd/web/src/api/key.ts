/** The user's API key in requests. */
import { apiUrl } from "./address";
import type { Token } from "./messages";

let apiKey = "";

/** Sets the key of all requests from now on; an empty one is none. */
export function setApiKey(key: string): void {
  apiKey = key;
}

/** Returns the header that names the key. */
export function authorization(): { authorization?: string } {
  return apiKey === "" ? {} : { authorization: `Bearer ${apiKey}` };
}

/**
 * Returns the subprotocols to offer for a WebSocket. A page cannot set its headers, and a key in a URL would be logged: the
 * key is exchanged for a token that is valid once.
 */
export async function sessionProtocols(signal: AbortSignal): Promise<string[]> {
  if (apiKey === "") return [];
  const response = await fetch(apiUrl("/api/token"), {
    method: "POST",
    headers: authorization(),
    signal,
  });
  // The server has no keys, or not this one: the answer to the execution says which.
  if (response.status === 401) return [];
  if (!response.ok) throw new Error(`the server returned ${response.status}`);
  return ((await response.json()) as Token).protocols;
}
