/** The user's API key: kept for the tab, or in the browser if the user wants that. */
import { signal } from "@preact/signals";
import { live, setApiKey } from "../api/client";
import { readItem, removeItem, writeItem } from "../program/storage";

const KEY_ITEM = "executor.api-key";

const ofBrowser = readItem(KEY_ITEM);
/** The key; empty if there is none. */
export const apiKey = signal(readItem(KEY_ITEM, "tab") ?? ofBrowser ?? "");
/** Whether other tabs have the key too, also after the browser was closed. */
export const keyIsKept = signal(ofBrowser !== null);
/** Whether the page asks for a key. */
export const keyWanted = signal(false);

/** Runs what the server refused for want of a key. */
let retry: (() => Promise<void>) | null = null;

setApiKey(apiKey.value);

/** Asks for a key, and then retries what the server refused without one. */
export function askForKey(then: (() => Promise<void>) | null = null): void {
  retry = then;
  keyWanted.value = true;
}

export function stopAskingForKey(): void {
  retry = null;
  keyWanted.value = false;
}

/** Returns whether a text can be sent as a key at all. */
export function isPossibleKey(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

export function saveKey(key: string, keep: boolean): void {
  forgetKey();
  apiKey.value = key;
  keyIsKept.value = keep;
  writeItem(KEY_ITEM, key, keep ? "browser" : "tab");
  setApiKey(key);
  const refused = retry;
  stopAskingForKey();
  void refused?.();
}

export function forgetKey(): void {
  removeItem(KEY_ITEM, "tab");
  removeItem(KEY_ITEM, "browser");
  apiKey.value = "";
  keyIsKept.value = false;
  setApiKey("");
  // A session that was refused without a key may be accepted with one.
  live.forgetUnavailable();
}
