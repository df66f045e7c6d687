/** Sizes of screens: nothing is wider than the screen, Stop can be reached, and the keyboard covers no input. */
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect, test } from "vitest";
import { accessibilityViolations } from "./accessibility";
import { screenshot } from "./browser";
import {
  run,
  selectLanguage,
  setCode,
  shownOutput,
  testEnvironment,
  verdictText,
} from "./environment";

const env = testEnvironment({ slots: 4, queue: 8 });

const SCREENS: [number, BrowserContextOptions][] = [
  [320, { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true }],
  [390, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  [768, { viewport: { width: 768, height: 1024 }, hasTouch: true, isMobile: true }],
  [1400, { viewport: { width: 1400, height: 900 } }],
];

const PROMPT = "name = input('What is your name? ')\nprint('Hello', name)\n";

const FILES = `open("points.csv", "w").write("city,population\\n" + "\\n".join(f"Town {n},{n * 1000}" for n in range(9)))
open("circle.svg", "w").write('<svg xmlns="http://www.w3.org/2000/svg" width="600" height="200"><circle cx="300" cy="100" r="80" fill="teal"/></svg>')
print("Two files")
`;

/** Returns the visible elements that are wider than the screen, unless a box that scrolls has them. */
function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const describe = (element: Element) => {
      const { left, right } = element.getBoundingClientRect();
      const text = element.textContent.slice(0, 40);
      return `${element.tagName} ${element.className} ${left} to ${right}: ${text}`;
    };
    const isContained = (element: Element): boolean => {
      for (let box = element.parentElement; box; box = box.parentElement) {
        const { overflowX } = getComputedStyle(box);
        const { left, right } = box.getBoundingClientRect();
        if (overflowX !== "visible" && left >= 0 && right <= width + 1) return true;
      }
      return false;
    };
    const found = [...document.body.querySelectorAll("*")].filter((element) => {
      const { left, right, width: own, height } = element.getBoundingClientRect();
      if (own <= 1 || height <= 1 || (left >= -1 && right <= width + 1)) return false;
      return element.checkVisibility({ checkVisibilityCSS: true }) && !isContained(element);
    });
    const scrolls = document.documentElement.scrollWidth > width ? ["the page scrolls"] : [];
    return [...scrolls, ...found.map(describe)];
  });
}

async function expectToFit(page: Page, state: string, width: number): Promise<void> {
  await screenshot(page, `screen-${width}-${state}`);
  expect(await tooWide(page), `${state} at ${width}`).toEqual([]);
}

const isInView = (page: Page, selector: string) =>
  page.locator(selector).evaluate((element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return top >= 0 && left >= 0 && bottom <= innerHeight + 1 && right <= innerWidth + 1;
  });

test.each(SCREENS)("everything fits into %i px", async (width, options) => {
  const page = await env.openPage("/?lang=python", options);
  await expectToFit(page, "start", width);

  await setCode(page, PROMPT);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.locator(".phases").getByText("Waiting for your input").waitFor();
  await expectToFit(page, "waiting", width);
  expect(await isInView(page, ".bar .stop")).toBe(true);
  expect(await isInView(page, ".live-input input")).toBe(true);
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toContain("Hello Ada");

  await setCode(page, "print('x' * 500)\nprint('word ' * 300)\nraise ValueError('y' * 300)\n");
  expect(await run(page)).toContain("Exited with code 1");
  await expectToFit(page, "long", width);

  await page.getByLabel("Run in a terminal").check();
  await setCode(page, PROMPT);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.locator(".xterm-screen").waitFor();
  await expectToFit(page, "terminal", width);
  expect(await isInView(page, ".bar .stop")).toBe(true);
  await page.getByRole("button", { name: "Stop" }).click();
  await verdictText(page);
  await expectToFit(page, "stopped", width);

  for (const menu of ["Examples", "More"]) {
    await page.getByRole("button", { name: menu }).click();
    await page.locator(".menu-panel button").first().waitFor();
    await expectToFit(page, `menu-${menu.toLowerCase()}`, width);
    await page.keyboard.press("Escape");
  }
  await page.getByRole("button", { name: "Share" }).click();
  await page.getByLabel("Link", { exact: true }).waitFor();
  await expectToFit(page, "share", width);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: /^Limits/ }).click();
  await page.getByText(/are held in memory/).waitFor();
  await expectToFit(page, "about", width);
  await page.keyboard.press("Escape");

  await setCode(page, FILES);
  expect(await run(page)).toContain("Finished");
  await page.locator(".output-files img").waitFor();
  await expectToFit(page, "files", width);

  for (const [item, name] of [
    ["Settings", "settings"],
    ["History of runs", "history"],
    ["API key", "key"],
  ] as const) {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: item, exact: true }).click();
    await page.locator("dialog[open]").waitFor();
    await expectToFit(page, name, width);
    if (width === 390) expect(await accessibilityViolations(page), name).toEqual([]);
    await page.keyboard.press("Escape");
  }
  await page.getByRole("button", { name: /^Language:/ }).click();
  await expectToFit(page, "languages", width);
  await page.keyboard.press("Escape");

  await selectLanguage(page, "cpp");
  await page.locator(".options summary").click();
  await page.locator(".options summary").scrollIntoViewIfNeeded();
  await expectToFit(page, "options", width);
  await page.locator(".options summary").click();
  await setCode(page, `int main() { return ${"long_name_".repeat(30)}; }\n`);
  expect(await run(page)).toContain("Compilation failed");
  await expectToFit(page, "error", width);
  await page
    .locator(".result")
    .getByRole("button", { name: /^Tests/ })
    .click();
  await page.getByRole("button", { name: "Add test" }).click();
  await page.getByLabel("Input of test 1").fill("1");
  await page.getByRole("button", { name: "Run all tests" }).click();
  await verdictText(page);
  await expectToFit(page, "tests", width);
});

test("the keyboard of a phone does not cover the input", async () => {
  const [, options] = SCREENS[1] as (typeof SCREENS)[number];
  const page = await env.openPage("/?lang=python", options);
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
  await page.keyboard.press("Control+Enter");
  await page.locator(".live-input.waiting").waitFor();
  await expectToFit(page, "embedded-waiting", 480);
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
  await page.getByRole("button", { name: "More" }).click();
  await expectToFit(page, "embedded-more", 480);
  await page.getByRole("button", { name: "Settings" }).click();
  await expectToFit(page, "embedded-settings", 480);
});
