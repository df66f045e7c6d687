/** Programs that have a terminal. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { ended, world, write } from "./world";

const here = world({ slots: 4, queue: 8 });

async function start(code: string): Promise<Page> {
  const tab = await here.visit("/?lang=python");
  await write(tab, code);
  await tab.getByLabel("Run in a terminal").check();
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.locator(".xterm-screen").waitFor();
  return tab;
}

async function shows(tab: Page, words: string | RegExp): Promise<void> {
  await expect
    .poll(async () => (await tab.locator(".xterm-rows").innerText()).replaceAll("\u00a0", " "))
    .toMatch(words);
}

test("a prompt is seen before anything is typed, and what is typed is echoed", async () => {
  const tab = await start(
    "import sys\nprint(sys.stdin.isatty())\nname = input('Who? ')\nprint('Hello', name)\n",
  );
  await shows(tab, /True\s+Who\?/);
  await tab.keyboard.type("Ada");
  await shows(tab, /Who\? Ada/);
  await screenshot(tab, "terminal");
  await tab.keyboard.press("Enter");
  expect(await ended(tab)).toContain("Finished");
  await shows(tab, /Hello Ada/);
});

test("Ctrl+D ends the input, and Ctrl+C interrupts", async () => {
  const tab = await start(
    "import sys, time\nprint('read', repr(sys.stdin.read()), flush=True)\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('interrupted')\n",
  );
  await tab.keyboard.type("x");
  await tab.keyboard.press("Enter");
  await tab.keyboard.press("Control+D");
  await shows(tab, /read 'x\\n'/);
  await tab.keyboard.press("Control+C");
  expect(await ended(tab)).toContain("Finished");
  await shows(tab, /interrupted/);
});

test("the program knows how large its terminal is, also when that changes", async () => {
  const tab = await start(
    "import os, signal\nsize = lambda *_: print('columns', os.get_terminal_size().columns, flush=True)\nsignal.signal(signal.SIGWINCH, size)\nsize()\ninput()\n",
  );
  await shows(tab, /columns \d+/);
  const columns = async () =>
    [...(await tab.locator(".xterm-rows").innerText()).matchAll(/columns.(\d+)/g)].map(
      ([, n]) => n,
    );
  const [before] = await columns();
  await tab.locator(".splitter").focus();
  await tab.keyboard.press("ArrowRight");
  await tab.keyboard.press("ArrowRight");
  await expect.poll(async () => (await columns()).at(-1)).not.toBe(before);
  await tab.getByRole("button", { name: "Stop" }).click();
  expect(await ended(tab)).toContain("Stopped by you");
});
