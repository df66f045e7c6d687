/** Programs with a terminal. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { pause } from "./daemons";
import { selectLanguage, verdictText, testEnvironment, setCode } from "./environment";

const env = testEnvironment({ slots: 4, queue: 8 });

async function start(code: string): Promise<Page> {
  const page = await env.openPage("/?lang=python");
  await setCode(page, code);
  await page.getByLabel("Run in a terminal").check();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.locator(".xterm-screen").waitFor();
  return page;
}

async function shows(page: Page, text: RegExp): Promise<void> {
  await expect
    .poll(async () => (await page.locator(".xterm-rows").innerText()).replaceAll("\u00a0", " "))
    .toMatch(text);
}

test("a prompt is shown before any input, and input is echoed", async () => {
  const page = await start(
    "import sys\nprint(sys.stdin.isatty())\nname = input('Name? ')\nprint('Hello', name)\n",
  );
  await shows(page, /True\s+Name\?/);
  await page.keyboard.type("Ada");
  await shows(page, /Name\? Ada/);
  await screenshot(page, "terminal");
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  await shows(page, /Hello Ada/);
});

test("Ctrl+D ends the input, and Ctrl+C interrupts the program", async () => {
  const page = await start(
    "import sys, time\ntry:\n    print('read', repr(sys.stdin.read()), flush=True)\n    while True: time.sleep(0.05)\nexcept KeyboardInterrupt:\n    print('interrupted')\n",
  );
  await page.keyboard.type("x");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+D");
  await shows(page, /read 'x\\n'/);
  await page.keyboard.press("Control+C");
  expect(await verdictText(page)).toContain("Finished");
  await shows(page, /interrupted/);
});

test("the program learns the size of its terminal, also when it changes", async () => {
  const page = await start(
    "import os, signal\nsize = lambda *_: print('columns', os.get_terminal_size().columns, flush=True)\nsignal.signal(signal.SIGWINCH, size)\nsize()\ninput()\n",
  );
  await shows(page, /columns \d+/);
  const columns = async () =>
    [...(await page.locator(".xterm-rows").innerText()).matchAll(/columns.(\d+)/g)].map(
      ([, n]) => n,
    );
  const [before] = await columns();
  await page.locator(".splitter").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect.poll(async () => (await columns()).at(-1)).not.toBe(before);
  await page.getByRole("button", { name: "Stop" }).click();
  expect(await verdictText(page)).toContain("Stopped by you");
});

/** Delays the terminal's module and the connection, as a slow network does. */
async function delay(page: Page, module: number, connection: number): Promise<void> {
  await page.route(/\/terminal-[^/]*\.js$/, async (route) => {
    await pause(module);
    await route.continue();
  });
  await page.routeWebSocket(/\/api\/session$/, async (socket) => {
    await pause(connection);
    socket.connectToServer();
  });
}

/** Clicks Run, and types without waiting. */
async function runAndType(page: Page, code: string): Promise<void> {
  await setCode(page, code);
  await page.getByLabel("Run in a terminal").check();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.keyboard.type("xz");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Enter");
  await page.keyboard.insertText("漢ü");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+D");
}

const READ_ALL = "import sys\nprint('read', ascii(sys.stdin.read()))\n";

test.each([
  [0, 0],
  [1500, 0],
  [0, 1500],
  [1000, 1000],
])(
  "keys pressed right after Run reach the program (module delayed by %i ms, connection by %i ms)",
  async (module, connection) => {
    const page = await env.openPage("/?lang=python");
    await delay(page, module, connection);
    await runAndType(page, READ_ALL);
    expect(await verdictText(page)).toContain("Finished");
    await shows(page, /read 'x\\n\\u6f22\\xfc\\n'/);
  },
);

test("keys pressed while the terminal takes over from the text field arrive in order", async () => {
  const page = await env.openPage("/?lang=python");
  await delay(page, 1000, 500);
  await setCode(page, "print('read', input())\n");
  await page.getByLabel("Run in a terminal").check();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const text = "0123456789".repeat(6);
  await page.keyboard.type(text, { delay: 50 });
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  await expect
    .poll(async () => (await page.locator(".xterm-rows").innerText()).replace(/\s/g, ""))
    .toContain(`read${text}`);
});

test("keys pressed while the program is compiled reach the program, not the compiler", async () => {
  const page = await env.openPage();
  await selectLanguage(page, "cpp");
  await runAndType(
    page,
    '#include <iostream>\n#include <string>\nint main() { std::string line; int n = 0; while (std::getline(std::cin, line)) n++; std::cout << n << " lines\\n"; }\n',
  );
  expect(await verdictText(page)).toContain("Finished");
  await shows(page, /2 lines/);
});

test("a run can be stopped while its terminal is being loaded", async () => {
  const page = await env.openPage("/?lang=python");
  await delay(page, 3000, 0);
  await setCode(page, "input()\n");
  await page.getByLabel("Run in a terminal").check();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("button", { name: "Stop" }).click();
  expect(await verdictText(page)).toContain("Stopped by you");
});

/** Asks the terminal for the column of the cursor after each text (CPR, ECMA-48 8.3.14). */
const WIDTHS = `
import re, sys, termios, tty
texts = sys.argv[1:]
before = termios.tcgetattr(0)
tty.setcbreak(0)
widths = []
for text in texts:
    sys.stdout.write("\\r" + text + "\\x1b[6n")
    sys.stdout.flush()
    reply = ""
    while not reply.endswith("R"):
        reply += sys.stdin.read(1)
    widths.append(int(re.search(r";(\\d+)R", reply)[1]) - 1)
    print()
termios.tcsetattr(0, termios.TCSADRAIN, before)
print("widths", *widths)
`;

test("emoji sequences, Hindi and Persian take as many columns as they are wide", async () => {
  const page = await env.openPage("/?lang=python");
  const texts = ["👩‍💻", "👨‍👩‍👧", "🏳️‍🌈", "🇮🇷", "👍🏽", "漢字", "e\u0301", "हिन्दी", "سلام"];
  await page.getByLabel("Arguments").fill(texts.join(" "));
  await setCode(page, WIDTHS);
  await page.getByLabel("Run in a terminal").check();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await shows(page, /widths 2 2 2 2 2 4 1 \d \d/);
  await screenshot(page, "terminal-scripts");
});
