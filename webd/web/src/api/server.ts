import { apiUrl } from "./address";
import type { Language } from "./messages";

export async function fetchLanguages(): Promise<Language[]> {
  const response = await fetch(apiUrl("/api/languages"));
  if (!response.ok) throw new Error(`the server returned ${response.status}`);
  return (await response.json()) as Language[];
}

/** Returns the server's statement about the data that it stores. */
export async function fetchPrivacy(): Promise<string> {
  const response = await fetch(apiUrl("/openapi.json"));
  const description = (await response.json()) as { info: { "x-privacy"?: string } };
  return description.info["x-privacy"] ?? "";
}

/** Returns whether the server can execute programs at the moment. */
export async function isReady(): Promise<boolean> {
  try {
    return (await fetch(apiUrl("/readyz"))).ok;
  } catch {
    return false;
  }
}
