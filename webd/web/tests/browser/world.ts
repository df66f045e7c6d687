import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { openBrowser, openPage, screenshot, type Watched } from "./browser";
import { Daemons, type Settings } from "./daemons";

/** The daemons and the browser of one file of tests. After each test its pages must have done nothing forbidden. */
export function world(settings: Settings) {
  let daemons: Daemons;
  let browser: Browser;
  const open: Watched[] = [];

  beforeAll(async () => {
    [daemons, browser] = await Promise.all([Daemons.start(settings), openBrowser()]);
  });
  afterEach(async (context) => {
    const offences = open.flatMap((watched) => watched.offences);
    const failed = context.task.result?.state === "fail";
    for (const [index, watched] of open.entries()) {
      if (failed) await screenshot(watched.page, `failed-${context.task.name}-${index}`);
      await watched.close();
    }
    open.length = 0;
    expect(offences).toEqual([]);
  });
  afterAll(async () => {
    // What did not start has nothing to stop.
    await (browser as Browser | undefined)?.close();
    await (daemons as Daemons | undefined)?.stop();
  });

  return {
    get daemons() {
      return daemons;
    },
    /** A page of somebody who has never been here, with the address opened and a program in the editor. */
    async visit(path = "/", options: BrowserContextOptions = {}): Promise<Page> {
      const watched = await openPage(browser, options);
      open.push(watched);
      await watched.page.goto(daemons.origin + path);
      await ready(watched.page);
      return watched.page;
    },
    /** A page that is nowhere yet. */
    async blank(options: BrowserContextOptions = {}): Promise<Page> {
      const watched = await openPage(browser, options);
      open.push(watched);
      return watched.page;
    },
  };
}

/** Until the editor that this screen gets is there, with a program in it. */
export async function ready(page: Page): Promise<void> {
  await page.locator(".run:not([disabled])").waitFor();
  const roomy = await page.evaluate(
    () => matchMedia("(min-width: 700px) and (pointer: fine)").matches,
  );
  await page
    .locator(roomy ? ".monaco-editor .view-line" : ".plain-editor")
    .first()
    .waitFor();
}

/** Replace what is in the editor, as somebody would who pastes. */
export async function write(page: Page, code: string): Promise<void> {
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

export async function choose(page: Page, language: string): Promise<void> {
  await page.getByLabel("Language").selectOption(language);
}

/** Run, and wait for how it ends: the verdict's words. */
export async function run(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Run", exact: true }).click();
  return ended(page);
}

export async function ended(page: Page): Promise<string> {
  const verdict = page.locator(".result-body:not([hidden]) .summary .verdict");
  await verdict.waitFor();
  return verdict.innerText();
}

/** Lines are shown a frame after they arrived. */
export async function printed(page: Page): Promise<string> {
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  return (await page.locator(".log .line").allInnerTexts()).join("\n").trimEnd();
}
