/** What is seen, by whom, and with which keys. Screenshots are left in target/screenshots for people to look at. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { choose, ended, printed, run, world, write } from "./world";

const here = world({ slots: 4, queue: 8 });

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Finding {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What axe finds serious or critical. */
async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const axe = (
      globalThis as unknown as { axe: { run: () => Promise<{ violations: Finding[] }> } }
    ).axe;
    return (await axe.run()).violations;
  });
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    );
}

async function fail(tab: Page): Promise<void> {
  await choose(tab, "cpp");
  await write(tab, "#include <iostream>\n\nint main() {\n    std::cout << answer << '\\n';\n}\n");
  expect(await run(tab)).toContain("Did not compile");
  await tab.locator(".squiggly-error").waitFor();
}

test("light, dark and high contrast, each without barriers", async () => {
  const tab = await here.visit("/?lang=python");
  await screenshot(tab, "light");
  expect(await barriers(tab)).toEqual([]);
  await run(tab);
  await screenshot(tab, "run");
  for (const [name, media] of [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["contrast", { colorScheme: "dark", contrast: "more" }],
  ] as const) {
    await tab.emulateMedia(media);
    await expect
      .poll(() => tab.evaluate(() => document.documentElement.dataset["theme"]))
      .toBe(name);
    expect(await barriers(tab), name).toEqual([]);
    if (name !== "light") await screenshot(tab, name);
  }
});

test("an error, the cases and the dialogs, without barriers", async () => {
  const tab = await here.visit();
  await fail(tab);
  await screenshot(tab, "error");
  expect(await barriers(tab)).toEqual([]);

  await tab.getByRole("button", { name: "Examples" }).click();
  await screenshot(tab, "examples");
  expect(await barriers(tab)).toEqual([]);
  await tab.locator(".examples").getByText("Tests", { exact: true }).click();
  await tab
    .locator(".result")
    .getByRole("button", { name: /^Tests/ })
    .click();
  await tab.getByRole("button", { name: "Try all" }).click();
  await ended(tab);
  await screenshot(tab, "cases");
  expect(await barriers(tab)).toEqual([]);

  await tab.getByRole("button", { name: "More" }).click();
  await screenshot(tab, "more");
  await tab.getByRole("button", { name: /^Limits/ }).click();
  await tab.getByText(/are held in memory/).waitFor();
  await tab.locator("summary", { hasText: "Not on this server" }).waitFor();
  await screenshot(tab, "about");
  expect(await barriers(tab)).toEqual([]);
  await tab.keyboard.press("Escape");
  await tab.getByRole("button", { name: "Share" }).click();
  await tab.getByLabel("Link", { exact: true }).waitFor();
  await screenshot(tab, "share");
  expect(await barriers(tab)).toEqual([]);
});

test("the theme is chosen, and kept", async () => {
  const tab = await here.visit();
  await tab.getByRole("button", { name: "More" }).click();
  await tab.getByLabel("Dark").check();
  expect(await tab.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");
  await tab.reload();
  await tab.locator(".run").waitFor();
  expect(await tab.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");
});

test("a small screen has everything, and nothing beside it", async () => {
  const tab = await here.visit("/?lang=python", PHONE);
  const wide = () => tab.evaluate(() => document.documentElement.scrollWidth);
  expect(await wide()).toBe(360);
  await screenshot(tab, "phone");
  await write(tab, "print('x' * 500)\n");
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("x".repeat(500));
  expect(await wide()).toBe(360);
  // Whoever runs a program sees what comes of it.
  const place = await tab.locator(".log").boundingBox();
  const bar = await tab.locator(".bar").boundingBox();
  expect(place?.y).toBeGreaterThan(bar?.height ?? Infinity);
  expect(place?.y).toBeLessThan(PHONE.viewport.height / 2);
  expect(await tab.locator(".monaco-editor").count()).toBe(0);
  expect(await barriers(tab)).toEqual([]);
  await screenshot(tab, "phone-run");
  await tab.getByRole("button", { name: /^Tests/ }).click();
  await tab.getByRole("button", { name: "Add a case" }).click();
  expect(await wide()).toBe(360);
  await screenshot(tab, "phone-cases");
});

test("all of it without a mouse", async () => {
  const tab = await here.visit("/?lang=python");
  const focused = () =>
    tab.evaluate(() => {
      const element = document.activeElement;
      return element?.getAttribute("aria-label") ?? element?.textContent.trim() ?? "";
    });
  const tabTo = async (wanted: RegExp) => {
    for (let press = 0; press < 40; press++) {
      await tab.keyboard.press("Tab");
      if (wanted.test(await focused())) return;
    }
    throw new Error(`no way to ${wanted.source}, last at ${await focused()}`);
  };
  await tabTo(/^Examples$/);
  await tab.keyboard.press("Enter");
  await tab.locator(".examples button").first().waitFor();
  await tabTo(/^Counting words/);
  await tab.keyboard.press("Enter");
  expect(await focused()).toBe("Examples");
  await tabTo(/^Code of main.py/);
  await tab.keyboard.press("Control+Home");
  await tab.keyboard.type("# typed\n");
  // Tab belongs to the editor, until Escape gives it back.
  await tab.keyboard.press("Tab");
  expect(await focused()).toMatch(/^Code of main.py/);
  await tab.keyboard.press("Control+Z");
  await tab.keyboard.press("Control+Enter");
  expect(await ended(tab)).toContain("Finished");
  await tab.keyboard.press("Escape");
  await tab.keyboard.press("Tab");
  expect(await focused()).not.toMatch(/^Code of main.py/);
  await tabTo(/^Width of the editor$/);
  const before = await tab.locator(".splitter").getAttribute("aria-valuenow");
  await tab.keyboard.press("ArrowLeft");
  expect(await tab.locator(".splitter").getAttribute("aria-valuenow")).not.toBe(before);
  await tabTo(/^Output$/);
  await tabTo(/^Tests/);
  await tab.keyboard.press("Enter");
  await tabTo(/^Add a case$/);
});

test("what happens is said to those who do not see it", async () => {
  const tab = await here.visit("/?lang=python");
  const status = tab.locator(".app > [aria-live=polite]");
  await tab.evaluate(() => {
    const said: string[] = [];
    (globalThis as unknown as { said: string[] }).said = said;
    const live = document.querySelector(".app > [aria-live=polite]");
    if (live)
      new MutationObserver(() => said.push(live.textContent)).observe(live, {
        childList: true,
        characterData: true,
        subtree: true,
      });
  });
  expect(await status.count()).toBe(1);
  await write(tab, "import time\nprint('hello there', flush=True)\ntime.sleep(1.5)\n");
  await run(tab);
  const said = await tab.evaluate(() =>
    (globalThis as unknown as { said: string[] }).said.join("|"),
  );
  expect(said).toMatch(/Running.*hello there.*Finished/s);
});

test("within another page there is only what is needed", async () => {
  const tab = await here.visit("/?lang=python&embed=1");
  expect(await tab.getByRole("button", { name: "Examples" }).count()).toBe(0);
  expect(await run(tab)).toContain("Finished");
  await screenshot(tab, "embedded");
});
