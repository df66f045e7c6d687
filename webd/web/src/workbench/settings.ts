import { computed, effect, signal } from "@preact/signals";
import type { EditorTheme } from "../editor/editor";
import { read, write } from "../program/drafts";

export const THEMES = ["system", "light", "dark", "contrast"] as const;
export type Theme = (typeof THEMES)[number];

const THEME = "executor.theme";
const SPLIT = "executor.split";

const saved = read(THEME);
export const theme = signal<Theme>(THEMES.find((one) => one === saved) ?? "system");

const dark = media("(prefers-color-scheme: dark)");
const contrast = media("(prefers-contrast: more)");

/** What the choice comes to on this device. */
export const shownTheme = computed<EditorTheme>(() => {
  if (theme.value !== "system") return theme.value;
  if (contrast.value) return "contrast";
  return dark.value ? "dark" : "light";
});

/** Percent of the width that the editor has. */
export const split = signal(clamped(Number(read(SPLIT) ?? 54)));

export function setSplit(percent: number): void {
  split.value = clamped(percent);
  write(SPLIT, String(split.value));
}

export function setTheme(next: Theme): void {
  theme.value = next;
  write(THEME, next);
}

effect(() => {
  document.documentElement.dataset["theme"] = shownTheme.value;
});

function clamped(percent: number): number {
  return Math.round(Math.min(78, Math.max(24, percent || 54)));
}

function media(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", () => (matches.value = list.matches));
  return matches;
}
