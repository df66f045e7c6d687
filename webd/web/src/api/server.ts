import { apiUrl } from "./address";
import type { Language } from "./types";

export async function fetchLanguages(): Promise<Language[]> {
  const response = await fetch(apiUrl("/api/languages"));
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()) as Language[];
}

/** What the server says about what it keeps of what people send. */
export async function fetchPrivacy(): Promise<string> {
  const response = await fetch(apiUrl("/openapi.json"));
  const description = (await response.json()) as { info: { "x-privacy"?: string } };
  return description.info["x-privacy"] ?? "";
}

/** Whether it would take an execution now. */
export async function isReady(): Promise<boolean> {
  try {
    return (await fetch(apiUrl("/readyz"))).ok;
  } catch {
    return false;
  }
}
