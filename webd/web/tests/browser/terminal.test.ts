/** Programs that have a terminal. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { pause } from "./daemons";
import { choose, ended, world, write } from "./world";

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

/** Makes the terminal's module and the connection slow, as they are over a bad network. */
async function slow(tab: Page, module: number, connection: number): Promise<void> {
  await tab.route(/\/terminal-[^/]*\.js$/, async (route) => {
    await pause(module);
    await route.continue();
  });
  await tab.routeWebSocket(/\/api\/session$/, async (socket) => {
    await pause(connection);
    socket.connectToServer();
  });
}

/** Presses Run, and types without waiting for anything. */
async function runAndType(tab: Page, code: string): Promise<void> {
  await write(tab, code);
  await tab.getByLabel("Run in a terminal").check();
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.keyboard.type("xz");
  await tab.keyboard.press("Backspace");
  await tab.keyboard.press("Enter");
  await tab.keyboard.insertText("漢ü");
  await tab.keyboard.press("Enter");
  await tab.keyboard.press("Control+D");
}

const READ_ALL = "import sys\nprint('read', ascii(sys.stdin.read()))\n";

test.each([
  [0, 0],
  [1500, 0],
  [0, 1500],
  [1000, 1000],
])(
  "keys pressed right after Run reach the program (module %i ms late, connection %i ms late)",
  async (module, connection) => {
    const tab = await here.visit("/?lang=python");
    await slow(tab, module, connection);
    await runAndType(tab, READ_ALL);
    expect(await ended(tab)).toContain("Finished");
    await shows(tab, /read 'x\\n\\u6f22\\xfc\\n'/);
  },
);

test("keys pressed while the terminal takes over from the text field arrive in order", async () => {
  const tab = await here.visit("/?lang=python");
  await slow(tab, 1000, 500);
  await write(tab, "print('read', input())\n");
  await tab.getByLabel("Run in a terminal").check();
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  const text = "0123456789".repeat(6);
  await tab.keyboard.type(text, { delay: 50 });
  await tab.keyboard.press("Enter");
  expect(await ended(tab)).toContain("Finished");
  await expect
    .poll(async () => (await tab.locator(".xterm-rows").innerText()).replace(/\s/g, ""))
    .toContain(`read${text}`);
});

test("keys pressed while the program is compiled reach the program, not the compiler", async () => {
  const tab = await here.visit();
  await choose(tab, "cpp");
  await runAndType(
    tab,
    '#include <iostream>\n#include <string>\nint main() { std::string line; int n = 0; while (std::getline(std::cin, line)) n++; std::cout << n << " lines\\n"; }\n',
  );
  expect(await ended(tab)).toContain("Finished");
  await shows(tab, /2 lines/);
});

test("a run is stopped while its terminal is still being loaded", async () => {
  const tab = await here.visit("/?lang=python");
  await slow(tab, 3000, 0);
  await write(tab, "input()\n");
  await tab.getByLabel("Run in a terminal").check();
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.getByRole("button", { name: "Stop" }).click();
  expect(await ended(tab)).toContain("Stopped by you");
});
