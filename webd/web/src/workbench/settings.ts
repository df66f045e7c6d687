import { computed, effect, signal } from "@preact/signals";
import type { EditorTheme } from "../editor/editor";
import { readItem, writeItem } from "../program/storage";

export const THEMES = ["system", "light", "dark", "contrast"] as const;
export type Theme = (typeof THEMES)[number];

const THEME_KEY = "executor.theme";
const SPLIT_KEY = "executor.split";

const saved = readItem(THEME_KEY);
export const theme = signal<Theme>(THEMES.find((name) => name === saved) ?? "system");

const dark = mediaMatches("(prefers-color-scheme: dark)");
const contrast = mediaMatches("(prefers-contrast: more)");

/** Theme that is applied: the user's choice, or that of the system. */
export const effectiveTheme = computed<EditorTheme>(() => {
  if (theme.value !== "system") return theme.value;
  if (contrast.value) return "contrast";
  return dark.value ? "dark" : "light";
});

/** Width of the editor in percent of the page. */
export const split = signal(clamp(Number(readItem(SPLIT_KEY) ?? 54)));

export function setSplit(percent: number): void {
  split.value = clamp(percent);
  writeItem(SPLIT_KEY, String(split.value));
}

export function setTheme(next: Theme): void {
  theme.value = next;
  writeItem(THEME_KEY, next);
}

effect(() => {
  document.documentElement.dataset["theme"] = effectiveTheme.value;
});

function clamp(percent: number): number {
  return Math.round(Math.min(78, Math.max(24, percent || 54)));
}

function mediaMatches(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", () => (matches.value = list.matches));
  return matches;
}
