import { computed, effect, signal } from "@preact/signals";
import type { EditorSettings, EditorTheme } from "../editor/editor";
import { isLocale, loadLocale, locale, preferredLocale, type Locale } from "../i18n/text";
import { readItem, writeItem } from "../program/storage";

export const THEMES = ["system", "light", "dark", "contrast"] as const;
export type Theme = (typeof THEMES)[number];
/** Where the result is on a wide screen: next to the editor or below it. */
export const LAYOUTS = ["columns", "rows"] as const;
export type Layout = (typeof LAYOUTS)[number];

const THEME_KEY = "executor.theme";
const SPLIT_KEY = "executor.split";
const LAYOUT_KEY = "executor.layout";
const LOCALE_KEY = "executor.locale";
const EDITOR_KEY = "executor.editor";

export const theme = signal(choice(THEMES, readItem(THEME_KEY), "system"));
export const layout = signal(choice(LAYOUTS, readItem(LAYOUT_KEY), "columns"));

const dark = mediaMatches("(prefers-color-scheme: dark)");
const contrast = mediaMatches("(prefers-contrast: more)");

/** Theme that is applied: the user's choice, or that of the system. */
export const effectiveTheme = computed<EditorTheme>(() => {
  if (theme.value !== "system") return theme.value;
  if (contrast.value) return "contrast";
  return dark.value ? "dark" : "light";
});

/** Width of the editor in percent of the page, or its height if the result is below it. */
export const split = signal(clamp(Number(readItem(SPLIT_KEY) ?? 54)));

export const FONT_SIZES = [12, 13, 14, 16, 18, 20, 24, 28];
export const editorSettings = signal<EditorSettings>(storedEditorSettings());

export function setSplit(percent: number): void {
  split.value = clamp(percent);
  writeItem(SPLIT_KEY, String(split.value));
}

export function setTheme(next: Theme): void {
  theme.value = next;
  writeItem(THEME_KEY, next);
}

export function setLayout(next: Layout): void {
  layout.value = next;
  writeItem(LAYOUT_KEY, next);
}

export function setLocale(next: Locale): void {
  writeItem(LOCALE_KEY, next);
  void loadLocale(next);
}

export function setEditorSettings(changes: Partial<EditorSettings>): void {
  editorSettings.value = { ...editorSettings.value, ...changes };
  writeItem(EDITOR_KEY, JSON.stringify(editorSettings.value));
}

/** Loads the language that the user chose, or that the browser prefers. */
export function startLocale(): Promise<void> {
  const stored = readItem(LOCALE_KEY);
  return loadLocale(isLocale(stored) ? stored : preferredLocale(navigator.languages));
}

effect(() => {
  document.documentElement.dataset["theme"] = effectiveTheme.value;
});
effect(() => {
  document.documentElement.dataset["layout"] = layout.value;
});
effect(() => {
  document.documentElement.lang = locale.value;
});
effect(() => {
  const { fontSize } = editorSettings.value;
  document.documentElement.style.setProperty("--code-size", `${fontSize / 16}rem`);
});

function storedEditorSettings(): EditorSettings {
  const defaults: EditorSettings = { fontSize: 14, wrap: false, completion: true, vim: false };
  try {
    const stored = JSON.parse(readItem(EDITOR_KEY) ?? "{}") as Partial<EditorSettings>;
    return {
      fontSize: FONT_SIZES.find((size) => size === stored.fontSize) ?? defaults.fontSize,
      wrap: stored.wrap === true,
      completion: stored.completion !== false,
      vim: stored.vim === true,
    };
  } catch {
    return defaults;
  }
}

function choice<T extends string>(all: readonly T[], stored: string | null, fallback: T): T {
  return all.find((name) => name === stored) ?? fallback;
}

function clamp(percent: number): number {
  return Math.round(Math.min(78, Math.max(24, percent || 54)));
}

function mediaMatches(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", () => (matches.value = list.matches));
  return matches;
}
