import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser, openMonitoredPage, screenshot, type MonitoredPage } from "./browser";
import { Daemons, type Settings } from "./daemons";

/** Starts daemons and a browser for a test file. After each test, fails if a page did something forbidden. */
export function testEnvironment(settings: Settings) {
  let daemons: Daemons;
  let browser: Browser;
  const pages: MonitoredPage[] = [];

  const open = async (options: BrowserContextOptions): Promise<Page> => {
    const monitored = await openMonitoredPage(browser, options);
    pages.push(monitored);
    return monitored.page;
  };

  beforeAll(async () => {
    [daemons, browser] = await Promise.all([Daemons.start(settings), launchBrowser()]);
  });
  afterEach(async (context) => {
    const violations = pages.flatMap((monitored) => monitored.violations);
    const failed = context.task.result?.state === "fail";
    for (const [index, { page, close }] of pages.entries()) {
      if (failed) await screenshot(page, `failed-${context.task.name}-${index}`);
      await close();
    }
    pages.length = 0;
    expect(violations).toEqual([]);
  });
  afterAll(async () => {
    // Either is missing if its start failed.
    await (browser as Browser | undefined)?.close();
    await (daemons as Daemons | undefined)?.stop();
  });

  return {
    get daemons() {
      return daemons;
    },
    /** Opens the page in a new browser context, and waits for the editor. */
    async openPage(path = "/", options: BrowserContextOptions = {}): Promise<Page> {
      const page = await open(options);
      await page.goto(daemons.origin + path);
      await ready(page);
      return page;
    },
    /** Opens an empty page in a new browser context. */
    openBlankPage: (options: BrowserContextOptions = {}): Promise<Page> => open(options),
  };
}

/** Waits until the editor for this screen size is loaded and contains a program. */
export async function ready(page: Page): Promise<void> {
  await page.locator(".run:not([disabled])").waitFor();
  const largeScreen = await page.evaluate(
    () => matchMedia("(min-width: 700px) and (pointer: fine)").matches,
  );
  await page
    .locator(largeScreen ? ".monaco-editor .view-line" : ".plain-editor")
    .first()
    .waitFor();
}

/** Replaces the content of the editor by pasting. */
export async function setCode(page: Page, code: string): Promise<void> {
  const plain = page.locator(".plain-editor");
  if ((await plain.count()) > 0) {
    await plain.fill(code);
    return;
  }
  await page.locator(".monaco-editor .view-lines").click();
  await page.keyboard.press("Control+A");
  await page.evaluate((text) => navigator.clipboard.writeText(text), code);
  await page.keyboard.press("Control+V");
}

/** Selects a language, and waits for its program. */
export async function selectLanguage(page: Page, language: string): Promise<void> {
  await page.getByRole("button", { name: /^Language:/ }).click();
  const item = page.locator(`[data-language="${language}"]`);
  const title = await item.evaluate((button) => button.firstChild?.textContent?.trim() ?? "");
  await item.click();
  // Its version may follow.
  const label = new RegExp(`^Language: ${title.replace(/[+#.]/g, "\\$&")}( |$)`);
  await page.getByRole("button", { name: label }).waitFor();
}

/** Runs the program, and returns the verdict when it has ended. */
export async function run(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Run", exact: true }).click();
  return verdictText(page);
}

/** Waits until the execution has ended, and returns the verdict. */
export async function verdictText(page: Page): Promise<string> {
  const verdict = page.locator(".result-body:not([hidden]) .summary .verdict");
  await verdict.waitFor();
  return verdict.innerText();
}

/** Returns the output that is shown, after the frame in which pending lines are rendered. */
export async function shownOutput(page: Page): Promise<string> {
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  return (await page.locator(".log .line").allInnerTexts()).join("\n").trimEnd();
}
