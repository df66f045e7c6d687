import type { Language, LanguageVersion } from "@executor/client";
import { expect, test } from "vitest";
import { search, versionName } from "../../src/program/languages";

function language(name: string, title: string, aliases: string[], titles = [title]): Language {
  const versions = titles.map((title) => ({ version: "1", title, default: true }));
  return { name, title, aliases, versions } as unknown as Language;
}

const LANGUAGES = [
  language("objc", "Objective-C", []),
  language("c", "C", []),
  language("cpp", "C++", ["c++", "g++"]),
  language("python", "Python", ["py"], ["Python", "Python (PyPy)"]),
];

test("languages are found by title, name, alias and version, those that begin with the query first", () => {
  const names = (query: string) => search(LANGUAGES, query).map(({ name }) => name);
  expect(names("c")).toEqual(["c", "cpp", "objc"]);
  expect(names(" G++ ")).toEqual(["cpp"]);
  expect(names("pypy")).toEqual(["python"]);
  expect(names("")).toHaveLength(4);
  expect(names("cobol")).toEqual([]);
});

test("a version is called by its number and what distinguishes it", () => {
  const name = (title: string, version: string) =>
    versionName(language("python", "Python", []), { title, version } as LanguageVersion);
  expect(name("Python", "3.11.2")).toBe("3.11.2");
  expect(name("Python (PyPy)", "3.9.16")).toBe("3.9.16 (PyPy)");
  expect(name("Python 2.7", "2.7.18")).toBe("2.7.18");
  expect(name("Cython", "3.0")).toBe("3.0 (Cython)");
});
