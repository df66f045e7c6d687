/** Text of the page's ARIA live region, which screen readers read aloud. */
import { signal } from "@preact/signals";

export const liveRegionText = signal("");

export function postStatus(message: string): void {
  liveRegionText.value = message;
}

/** Output is posted at intervals and cut to its end: a screen reader cannot keep up with more. */
const INTERVAL_MS = 1000;
const MAX_LENGTH = 300;

let pending = "";
let timer: ReturnType<typeof setTimeout> | null = null;

export function postOutput(text: string): void {
  pending = (pending + text).slice(-4 * MAX_LENGTH);
  timer ??= setTimeout(() => {
    timer = null;
    postStatus(pending.length > MAX_LENGTH ? `… ${pending.slice(-MAX_LENGTH)}` : pending);
    pending = "";
  }, INTERVAL_MS);
}
