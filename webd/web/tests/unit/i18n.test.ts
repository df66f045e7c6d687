import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import {
  LOADERS,
  LOCALES,
  loadLocale,
  locale,
  optionText,
  preferredLocale,
  t,
  type Key,
} from "../../src/i18n/text";
import { EXAMPLE_LOADERS } from "../../src/i18n/example-texts";
import { EN } from "../../src/i18n/en";

const EXAMPLES = resolve(import.meta.dirname, "../../examples");
const LANGUAGES = resolve(import.meta.dirname, "../../../../executord/languages");
const SOURCES = resolve(import.meta.dirname, "../../src");
const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

test.each(Object.entries(LOADERS))("no text is missing in %s", async (name, load) => {
  const { default: messages } = await load();
  expect(Object.keys(messages).sort()).toEqual(Object.keys(EN).sort());
  for (const [key, english] of Object.entries(EN)) {
    const text = messages[key as Key];
    expect(text.trim(), `${name}: ${key}`).not.toBe("");
    expect(placeholders(text), `${name}: ${key}`).toEqual(placeholders(english));
  }
  // Most texts are really translated.
  const same = Object.entries(EN).filter(([key, text]) => messages[key as Key] === text);
  expect(same.length, same.map(([key]) => key).join(" ")).toBeLessThan(20);
});

test.each(Object.entries(EXAMPLE_LOADERS))("the examples are described in %s", async (_, load) => {
  const manifests = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith("example.json"))
    .map(
      (file) => JSON.parse(readFileSync(join(EXAMPLES, file), "utf8")) as Record<string, string>,
    );
  const texts = manifests.flatMap(({ title, description }) => [title, description]);
  expect(Object.keys((await load()).default).sort()).toEqual([...new Set(texts)].sort());
});

test.each(Object.entries(LOADERS))("the options of languages are in %s", async (_, load) => {
  const files = readdirSync(LANGUAGES).filter((file) => file.endsWith(".toml"));
  const options = files.flatMap((file) =>
    readFileSync(join(LANGUAGES, file), "utf8").split("[[options]]\n").slice(1),
  );
  const texts = options.flatMap((option) =>
    ["title", "help"].map((key) => new RegExp(`^${key} = "(.*)"$`, "m").exec(option)?.[1]),
  );
  expect(Object.keys((await load()).options).sort()).toEqual([...new Set(texts)].sort());
});

test("each text is used, and the page shows no others", () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  const code = files
    .filter((file) => /\.tsx?$/.test(file) && !file.startsWith("i18n/"))
    .map((file) => readFileSync(join(SOURCES, file), "utf8"))
    .join("\n");
  const unused = Object.keys(EN).filter((key) => !code.includes(`"${key}"`));
  expect(unused).toEqual([]);
  // Labels and titles that are not translated.
  expect(
    code.match(/(?:aria-label|placeholder|title)="(?!Executor")[^"]*[a-z]{3}[^"]*"/g),
  ).toBeNull();
});

test("the page has the language of the browser if it can", () => {
  expect(preferredLocale(["de-AT", "en"])).toBe("de");
  expect(preferredLocale(["fa", "zh-Hans-CN", "en"])).toBe("zh");
  expect(preferredLocale(["fa"])).toBe("en");
  expect(preferredLocale([])).toBe("en");
  expect(Object.keys(LOCALES)).toEqual(["en", ...Object.keys(LOADERS)]);
});

test("texts have values, and change with the language", async () => {
  expect(t("testsPassed", { passed: 1, count: 2 })).toBe("1 of 2 tests passed");
  await loadLocale("de");
  expect([t("testsPassed", { passed: 1, count: 2 }), locale.value]).toEqual([
    "1 von 2 Tests bestanden",
    "de",
  ]);
  expect(optionText("Warnings")).toBe("Warnungen");
  expect(optionText("An option of the administrator")).toBe("An option of the administrator");
  await loadLocale("en");
  expect(optionText("Warnings")).toBe("Warnings");
});
