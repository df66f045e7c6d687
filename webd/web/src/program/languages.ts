/** The languages of the server, as users look for them and read about them. */
import type { Language, LanguageVersion } from "@executor/client";

/** Returns the languages whose title, name or alias begins with the query, and then those that contain it. */
export function search(all: Language[], query: string): Language[] {
  const wanted = query.trim().toLowerCase();
  const names = ({ title, name, aliases, versions }: Language) =>
    [title, name, ...aliases, ...versions.map((version) => version.title)].map((text) =>
      text.toLowerCase(),
    );
  const begins = all.filter((item) => names(item).some((text) => text.startsWith(wanted)));
  const contains = all.filter((item) => names(item).some((text) => text.includes(wanted)));
  return [...new Set([...begins, ...contains])];
}

/** Returns the number of a version, and what its title says in addition: `3.9.16 (PyPy)`. */
export function versionName(language: Language, { version, title }: LanguageVersion): string {
  const own = title.startsWith(language.title) ? title.slice(language.title.length) : title;
  const addition = own.replace(/^\s*\(?|\)?\s*$/g, "");
  return version.startsWith(addition) ? version : `${version} (${addition})`;
}
