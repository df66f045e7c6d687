/** Sizes of screens: nothing is wider than the screen or cut off, Stop can be reached, and the keyboard covers no input. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { LOCALES, type Locale } from "../../src/i18n/text";
import { accessibilityViolations } from "./accessibility";
import { screenshot } from "./browser";
import { run, setCode, testEnvironment, verdictText } from "./environment";
import { isInView, misfits } from "./fit";
import { FILES, PROMPT, SCREENS, messagesOf, walk } from "./states";

const env = testEnvironment({ slots: 4, queue: 8 });

async function expectToFit(page: Page, state: string, width: number): Promise<void> {
  await screenshot(page, `screen-${width}-${state}`);
  expect(await misfits(page), `${state} at ${width}`).toEqual([]);
}

test.each([320, 390, 768, 1400] as const)("everything fits into %i px", async (width) => {
  const page = await env.openPage("/?lang=python", SCREENS[width]);
  await walk(page, await messagesOf("en"), async (state) => {
    await expectToFit(page, state, width);
    if (state === "waiting" || state === "terminal")
      expect(await isInView(page, ".bar .stop"), state).toBe(true);
    if (state === "waiting") expect(await isInView(page, ".live-input input")).toBe(true);
    if (width === 390) expect(await accessibilityViolations(page), state).toEqual([]);
  });
});

const OTHERS = (Object.keys(LOCALES) as Locale[]).filter((locale) => locale !== "en");
test.each(OTHERS)("everything fits into 320 px in %s", async (locale) => {
  const page = await env.openPage("/?lang=python", { ...SCREENS[320], locale });
  await walk(page, await messagesOf(locale), async (state) => {
    expect(await misfits(page), state).toEqual([]);
  });
  const embedded = await env.openBlankPage({ viewport: { width: 480, height: 320 }, locale });
  await embedded.goto(`${env.daemons.origin}/?lang=python&embed=1`);
  await embedded.locator(".monaco-editor .view-line").first().waitFor();
  await screenshot(embedded, `embedded-${locale}`);
  expect(await misfits(embedded), "embedded").toEqual([]);
});

test("the keyboard of a phone does not cover the input", async () => {
  const page = await env.openPage("/?lang=python", SCREENS[390]);
  await setCode(page, PROMPT);
  await page.getByRole("button", { name: "Run", exact: true }).tap();
  await page.locator(".live-input.waiting").waitFor();
  // What a browser reports when its keyboard takes the lower half of the screen.
  await page.evaluate(() => {
    Object.defineProperty(visualViewport, "height", { value: 420, configurable: true });
    visualViewport?.dispatchEvent(new Event("resize"));
  });
  const bottom = () =>
    page.locator(".live-input").evaluate((form) => form.getBoundingClientRect().bottom);
  await expect.poll(bottom).toBeLessThanOrEqual(421);
  expect(await isInView(page, ".bar .stop")).toBe(true);
  await screenshot(page, "screen-390-keyboard");
  await page.getByLabel("Input line").fill("Ada");
  await page.getByRole("button", { name: "Send" }).tap();
  expect(await verdictText(page)).toContain("Finished");
});

test("an embedded program has room for everything within 480 by 320 pixels", async () => {
  const page = await env.openBlankPage({ viewport: { width: 480, height: 320 } });
  await page.goto(`${env.daemons.origin}/?lang=python&embed=1`);
  await page.locator(".run:not([disabled])").waitFor();
  await page.locator(".monaco-editor .view-line").first().waitFor();
  await setCode(page, PROMPT);
  await expectToFit(page, "embedded", 480);
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.keyboard.press("Control+Enter");
  await page.locator(".live-input.waiting").waitFor();
  await expectToFit(page, "embedded-waiting", 480);
  expect(await accessibilityViolations(page)).toEqual([]);
  expect(await isInView(page, ".live-input input")).toBe(true);
  expect(await isInView(page, ".log .line")).toBe(true);
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  await expectToFit(page, "embedded-finished", 480);
  await setCode(page, "print(1)\nraise ValueError('no')\n");
  expect(await run(page)).toContain("Exited with code 1");
  await expectToFit(page, "embedded-error", 480);
  await setCode(page, FILES);
  expect(await run(page)).toContain("Finished");
  await expectToFit(page, "embedded-files", 480);
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.getByRole("button", { name: "More" }).click();
  await expectToFit(page, "embedded-more", 480);
  await page.getByRole("button", { name: "Settings" }).click();
  await expectToFit(page, "embedded-settings", 480);
});
