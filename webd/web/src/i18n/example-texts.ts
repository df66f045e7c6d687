/** Titles and descriptions of the examples in the languages of the page. They are English in `examples`. */
import type { Locale } from "./text";

/** Translations by their English text. */
export type ExampleTexts = Record<string, string>;

export const EXAMPLE_LOADERS: Record<
  Exclude<Locale, "en">,
  () => Promise<{ default: ExampleTexts }>
> = {
  de: () => import("./examples-de"),
  es: () => import("./examples-es"),
  fr: () => import("./examples-fr"),
  hi: () => import("./examples-hi"),
  zh: () => import("./examples-zh"),
};

/** Loads the translations into a language. It has none for English, or if they cannot be loaded. */
export async function loadExampleTexts(locale: Locale): Promise<ExampleTexts> {
  if (locale === "en") return {};
  try {
    return (await EXAMPLE_LOADERS[locale]()).default;
  } catch {
    return {};
  }
}
