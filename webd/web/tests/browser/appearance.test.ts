/** Themes, screen sizes, accessibility and keyboard. Leaves screenshots in target/screenshots for manual review. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { accessibilityViolations } from "./accessibility";
import { screenshot } from "./browser";
import {
  selectLanguage,
  verdictText,
  shownOutput,
  run,
  testEnvironment,
  setCode,
} from "./environment";

const env = testEnvironment({ slots: 4, queue: 8 });

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
async function failToCompile(page: Page): Promise<void> {
  await selectLanguage(page, "cpp");
  await setCode(
    page,
    "#include <iostream>\n\nint main() {\n    std::cout << answer << '\\n';\n}\n",
  );
  expect(await run(page)).toContain("Compilation failed");
  await page.locator(".squiggly-error").waitFor();
}

test("the light, dark and high-contrast themes are accessible", async () => {
  const page = await env.openPage("/?lang=python");
  await screenshot(page, "light");
  expect(await accessibilityViolations(page)).toEqual([]);
  await run(page);
  await screenshot(page, "run");
  for (const [name, media] of [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["contrast", { colorScheme: "dark", contrast: "more" }],
  ] as const) {
    await page.emulateMedia(media);
    await expect
      .poll(() => page.evaluate(() => document.documentElement.dataset["theme"]))
      .toBe(name);
    expect(await accessibilityViolations(page), name).toEqual([]);
    if (name !== "light") await screenshot(page, name);
  }
});

test("errors, tests and dialogs are accessible", async () => {
  const page = await env.openPage();
  await failToCompile(page);
  await screenshot(page, "error");
  expect(await accessibilityViolations(page)).toEqual([]);

  await page.getByRole("button", { name: "Examples" }).click();
  await screenshot(page, "examples");
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.locator(".examples").getByText("Tests", { exact: true }).click();
  await page
    .locator(".result")
    .getByRole("button", { name: /^Tests/ })
    .click();
  await page.getByRole("button", { name: "Run all tests" }).click();
  await verdictText(page);
  await screenshot(page, "tests");
  expect(await accessibilityViolations(page)).toEqual([]);

  await page.getByRole("button", { name: "More" }).click();
  await screenshot(page, "more");
  await page.getByRole("button", { name: /^Limits/ }).click();
  await page.getByText(/are held in memory/).waitFor();
  await page.locator("summary", { hasText: "Not installed" }).waitFor();
  await screenshot(page, "about");
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.keyboard.press("Escape");
  for (const [item, name] of [
    ["Settings", "settings"],
    ["History of runs", "history"],
  ] as const) {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: item }).click();
    await page.locator("dialog[open]").waitFor();
    await screenshot(page, name);
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.keyboard.press("Escape");
  }
  await page.getByRole("button", { name: /^Language:/ }).click();
  await page.getByLabel("Search languages").fill("c");
  await screenshot(page, "languages");
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Share" }).click();
  await page.getByLabel("Link", { exact: true }).waitFor();
  await screenshot(page, "share");
  expect(await accessibilityViolations(page)).toEqual([]);
});

test("the chosen theme is remembered", async () => {
  const page = await env.openPage();
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Theme").selectOption("dark");
  expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");
  await page.reload();
  await page.locator(".run").waitFor();
  expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");
});

test("a phone shows the whole page without horizontal scrolling", async () => {
  const page = await env.openPage("/?lang=python", PHONE);
  const width = () => page.evaluate(() => document.documentElement.scrollWidth);
  expect(await width()).toBe(360);
  await screenshot(page, "phone");
  await setCode(page, "print('x' * 500)\n");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("x".repeat(500));
  expect(await width()).toBe(360);
  // The output is scrolled into view.
  const log = await page.locator(".log").boundingBox();
  const bar = await page.locator(".bar").boundingBox();
  expect(log?.y).toBeGreaterThan(bar?.height ?? Infinity);
  expect(log?.y).toBeLessThan(PHONE.viewport.height / 2);
  expect(await page.locator(".monaco-editor").count()).toBe(0);
  expect(await accessibilityViolations(page)).toEqual([]);
  await screenshot(page, "phone-run");
  await page.getByRole("button", { name: /^Tests/ }).click();
  await page.getByRole("button", { name: "Add test" }).click();
  expect(await width()).toBe(360);
  await screenshot(page, "phone-tests");
});

test("everything is reachable with the keyboard", async () => {
  const page = await env.openPage("/?lang=python");
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      return element?.getAttribute("aria-label") ?? element?.textContent.trim() ?? "";
    });
  const tabTo = async (wanted: RegExp) => {
    for (let press = 0; press < 40; press++) {
      await page.keyboard.press("Tab");
      if (wanted.test(await focused())) return;
    }
    throw new Error(`cannot reach ${wanted.source}, the focus is on ${await focused()}`);
  };
  await tabTo(/^Examples$/);
  await page.keyboard.press("Enter");
  await page.locator(".examples button").first().waitFor();
  await tabTo(/^Counting words/);
  await page.keyboard.press("Enter");
  expect(await focused()).toBe("Examples");
  await tabTo(/^Code editor for main.py/);
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# typed\n");
  // Tab indents in the editor; after Escape it leaves the editor.
  await page.keyboard.press("Tab");
  expect(await focused()).toMatch(/^Code editor for main.py/);
  await page.keyboard.press("Control+Z");
  await page.keyboard.press("Control+Enter");
  expect(await verdictText(page)).toContain("Finished");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  expect(await focused()).not.toMatch(/^Code editor for main.py/);
  await tabTo(/^Editor width$/);
  const width = () => page.locator(".splitter").getAttribute("aria-valuenow");
  const before = await width();
  await page.keyboard.press("ArrowLeft");
  await expect.poll(width).not.toBe(before);
  await tabTo(/^Output$/);
  await tabTo(/^Tests/);
  await page.keyboard.press("Enter");
  await tabTo(/^Add test$/);
});

test("a screen reader is informed about the run", async () => {
  const page = await env.openPage("/?lang=python");
  const status = page.locator(".app > [aria-live=polite]");
  await page.evaluate(() => {
    const messages: string[] = [];
    (globalThis as unknown as { messages: string[] }).messages = messages;
    const live = document.querySelector(".app > [aria-live=polite]");
    if (live)
      new MutationObserver(() => messages.push(live.textContent)).observe(live, {
        childList: true,
        characterData: true,
        subtree: true,
      });
  });
  expect(await status.count()).toBe(1);
  await setCode(page, "import time\nprint('hello there', flush=True)\ntime.sleep(1.5)\n");
  await run(page);
  const messages = await page.evaluate(() =>
    (globalThis as unknown as { messages: string[] }).messages.join("|"),
  );
  expect(messages).toMatch(/Running.*hello there.*Finished/s);
});

test("the embedded page shows only what is needed", async () => {
  const page = await env.openPage("/?lang=python&embed=1");
  expect(await page.getByRole("button", { name: "Examples" }).count()).toBe(0);
  expect(await run(page)).toContain("Finished");
  await screenshot(page, "embedded");
});
