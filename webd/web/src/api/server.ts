import type { Language } from "@executor/client";
import { client } from "./client";

export function fetchLanguages(): Promise<Language[]> {
  return client.languages();
}

/** Returns the server's statement about the data that it stores. */
export async function fetchPrivacy(): Promise<string> {
  const description = (await client.description()) as { info: { "x-privacy"?: string } };
  return description.info["x-privacy"] ?? "";
}

/** Returns whether the server can execute programs at the moment. */
export function isReady(): Promise<boolean> {
  return client.isReady();
}
