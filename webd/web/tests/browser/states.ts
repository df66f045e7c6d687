/** A walk through the states of the page, in any of its languages and on any screen. */
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { EN, type Messages } from "../../src/i18n/en";
import { LOADERS, type Locale } from "../../src/i18n/text";
import { setCode, shownOutput, verdictText } from "./environment";

/** Screens by their width. */
export const SCREENS = {
  320: { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true },
  390: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  768: { viewport: { width: 768, height: 1024 }, hasTouch: true, isMobile: true },
  1400: { viewport: { width: 1400, height: 900 } },
} as const satisfies Record<number, BrowserContextOptions>;

/** A program that asks for a name. */
export const PROMPT = "name = input('What is your name? ')\nprint('Hello', name)\n";

/** A program that writes a table and a picture. */
export const FILES = `open("points.csv", "w").write("city,population\\n" + "\\n".join(f"Town {n},{n * 1000}" for n in range(9)))
open("circle.svg", "w").write('<svg xmlns="http://www.w3.org/2000/svg" width="600" height="200"><circle cx="300" cy="100" r="80" fill="teal"/></svg>')
print("Two files")
`;

/** Text in several scripts: right to left, with combining letters, twice as wide, and emoji of several code points. */
const SCRIPTS = `print("سلام دنیا! این یک آزمایش است.")
print("नमस्ते दुनिया, क्षत्रिय और ज्ञान")
print("你好，世界")
print("👩‍👩‍👧‍👦 👍🏽 🇮🇷 🏳️‍🌈 e\\u0301")
print("| a | 你好 | नमस्ते | 👍🏽 | end")
`;

/** Returns the texts of the page in a language. */
export async function messagesOf(locale: Locale): Promise<Messages> {
  return locale === "en" ? EN : (await LOADERS[locale]()).default;
}

/** Brings a page with a Python program into one state after another, and calls `see` in each. */
export async function walk(
  page: Page,
  m: Messages,
  see: (state: string) => Promise<void>,
): Promise<void> {
  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const openMore = async (item: string) => {
    await button(m.more).click();
    await button(item).click();
    await page.locator("dialog[open]").waitFor();
  };
  const runCode = async (code: string): Promise<string> => {
    await setCode(page, code);
    await button(m.run).click();
    return verdictText(page);
  };
  await see("start");

  await setCode(page, PROMPT);
  await button(m.run).click();
  await page.locator(".phases").getByText(m.waiting).waitFor();
  await see("waiting");
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain(m.finished);
  expect(await shownOutput(page)).toContain("Hello Ada");
  await see("finished");

  const code = "print('x' * 500)\nprint('word ' * 300)\nraise ValueError('y' * 300)\n";
  expect(await runCode(code)).toContain(m.exited.replace("{code}", "1"));
  await see("long");
  await runCode(SCRIPTS);
  await see("scripts");

  const terminal = page.getByLabel(m.runInTerminal);
  await terminal.check();
  await setCode(page, SCRIPTS + PROMPT);
  await button(m.run).click();
  await page.locator(".xterm-rows", { hasText: "What is your name?" }).waitFor();
  await see("terminal");
  await button(m.stop).click();
  await verdictText(page);
  await see("stopped");
  await terminal.uncheck();

  for (const menu of ["examples", "more"] as const) {
    await button(m[menu]).click();
    await page.locator(".menu-panel button").first().waitFor();
    await see(`menu-${menu}`);
    await page.keyboard.press("Escape");
  }
  await button(m.share).click();
  await page.getByLabel(m.link, { exact: true }).waitFor();
  await see("share");
  await page.keyboard.press("Escape");
  await openMore(m.about);
  await page.getByText(/are held in memory/).waitFor();
  await see("about");
  await page.keyboard.press("Escape");
  for (const item of ["settings", "history", "apiKey"] as const) {
    await openMore(m[item]);
    await see(item);
    await page.keyboard.press("Escape");
  }

  expect(await runCode(FILES)).toContain(m.finished);
  await page.locator(".output-files img").waitFor();
  await see("files");
  await page.evaluate(() => document.querySelector(".output-files")?.scrollIntoView());

  const languageMenu = page.locator(".picker button.value");
  await languageMenu.click();
  await see("languages");
  await page.locator('[data-language="cpp"]').click();
  await page.locator(".options summary").click();
  await page.locator(".options summary").scrollIntoViewIfNeeded();
  await see("options");
  await page.locator(".options summary").click();
  expect(await runCode(`int main() { return ${"long_name_".repeat(30)}; }\n`)).toContain(
    m.compilationFailed,
  );
  await see("error");
  await page.locator(".result .tab").last().getByRole("button").click();
  await see("no-tests");
  await button(m.addTest).click();
  await button(m.addTest).click();
  await page.getByLabel(m.inputOfTest.replace("{number}", "1")).fill("1");
  await page.getByLabel(m.expectedOfTest.replace("{number}", "1")).fill("2");
  await setCode(page, '#include <cstdio>\nint main() { puts(getchar() == \'1\' ? "3" : ""); }\n');
  await button(m.runAllTests).click();
  await verdictText(page);
  await see("tests");
}
