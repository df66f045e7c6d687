/** Texts of the page in the language that the user chose, or that the browser prefers. */
import { signal } from "@preact/signals";
import { EN, type Messages } from "./en";

/** Languages of the page, by their own names. */
export const LOCALES = {
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  hi: "हिन्दी",
  zh: "中文",
} as const;

export type Locale = keyof typeof LOCALES;
export type Key = keyof Messages;

interface Texts {
  default: Messages;
  /** Titles and descriptions of the options of shipped languages, by their English text. */
  options: Record<string, string>;
}

/** English is part of the page; another language is loaded when it is chosen. */
export const LOADERS: Record<Exclude<Locale, "en">, () => Promise<Texts>> = {
  de: () => import("./de"),
  es: () => import("./es"),
  fr: () => import("./fr"),
  hi: () => import("./hi"),
  zh: () => import("./zh"),
};

export const locale = signal<Locale>("en");
const messages = signal<Messages>(EN);
const options = signal<Texts["options"]>({});

/** Returns a text with values in it. A component that calls this is rendered again when the language changes. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return messages.value[key].replace(/\{(\w+)\}/g, (placeholder, name: string) =>
    String(values[name] ?? placeholder),
  );
}

/** Returns the translation of an option's title or description; what an administrator wrote has none. */
export function optionText(english: string): string {
  return options.value[english] ?? english;
}

/** Formats a whole number as the language does: 12,345 or 12 345. */
export function formatNumber(value: number): string {
  return value.toLocaleString(locale.value);
}

/** Shows the page in a language. If its texts cannot be loaded, the language stays as it is. */
export async function loadLocale(next: Locale): Promise<void> {
  try {
    const loaded = next === "en" ? { default: EN, options: {} } : await LOADERS[next]();
    messages.value = loaded.default;
    options.value = loaded.options;
    locale.value = next;
  } catch {
    // Offline, or a new version of the page is on the server.
  }
}

/** Returns the first language of the browser that the page has. */
export function preferredLocale(languages: readonly string[]): Locale {
  for (const language of languages) {
    const base = language.toLowerCase().split("-")[0] ?? "";
    if (isLocale(base)) return base;
  }
  return "en";
}

export function isLocale(text: string | null): text is Locale {
  return text !== null && Object.hasOwn(LOCALES, text);
}
