/**
 * Creates the screenshots of the documentation in docs/images. From the top of the repository, after
 * `make debug web`: `cd webd/web && sudo npm run screenshots`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { BINARIES } from "../browser/installation";
import { ready, run, testEnvironment, verdictText } from "../browser/environment";

const IMAGES = resolve(import.meta.dirname, "../../../../docs/images");
const SCREEN = { viewport: { width: 1400, height: 800 }, colorScheme: "light" } as const;

const env = testEnvironment({ slots: 4, queue: 8 });

async function openExample(page: Page, title: string): Promise<void> {
  await page.getByRole("button", { name: "Examples" }).click();
  await page.locator(".examples button", { hasText: title }).click();
}

async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(IMAGES, { recursive: true });
  // Neither a blinking cursor nor a focus ring.
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(IMAGES, `${name}.png`), animations: "disabled" });
}

test("page.png: a finished Python program", async () => {
  const page = await env.openPage("/?lang=python", SCREEN);
  expect(await run(page)).toContain("Finished");
  await screenshot(page, "page");
});

test("tests.png: a C++ program with tests", async () => {
  const page = await env.openPage("/?lang=cpp", SCREEN);
  await openExample(page, "Tests");
  await ready(page);
  await page.getByRole("button", { name: /^Tests/ }).click();
  await page.getByRole("button", { name: "Run all tests" }).click();
  expect(await verdictText(page)).toContain("4 of 4 tests passed");
  await screenshot(page, "tests");
});

test("check.png: executor check in a terminal", async () => {
  const { stdout } = spawnSync(
    join(BINARIES, "executor"),
    ["--socket", env.daemons.socket, "check"],
    { encoding: "utf8" },
  );
  expect(stdout).toContain("This host passes all required checks.");
  const page = await env.openBlankPage({ ...SCREEN, viewport: { width: 900, height: 100 } });
  await page.setContent(`<style>
    body { margin: 0; background: #1e1e1e; color: #d4d4d4 }
    pre { margin: 0; padding: 16px 20px; font: 14px/1.4 "DejaVu Sans Mono", monospace }
    b { color: #fff }
  </style><pre><b># executor check</b>\n</pre>`);
  // Without the suffix by which a distribution or a cloud names its kernel.
  const text = stdout.replace(/(kernel: [\d.]+)\S*/, "$1");
  await page.locator("pre").evaluate((pre, text) => pre.append(text), text);
  await page.locator("pre").screenshot({ path: join(IMAGES, "check.png") });
});
