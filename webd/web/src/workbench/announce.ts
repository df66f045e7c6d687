import { signal } from "@preact/signals";

/** What a screen reader says next. */
export const announcement = signal("");

export function announce(words: string): void {
  announcement.value = words;
}

/** Output is read out in portions: a flood would never end, and nobody wants to hear it. */
const PAUSE_MS = 1000;
const LONGEST = 300;

let pending = "";
let timer: ReturnType<typeof setTimeout> | null = null;

export function announceOutput(text: string): void {
  pending = (pending + text).slice(-4 * LONGEST);
  timer ??= setTimeout(() => {
    timer = null;
    announce(pending.length > LONGEST ? `… ${pending.slice(-LONGEST)}` : pending);
    pending = "";
  }, PAUSE_MS);
}
