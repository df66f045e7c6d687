/** Input to a running program. */
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { verdictText, shownOutput, testEnvironment, setCode } from "./environment";
import { PROMPT, SCREENS } from "./states";

const env = testEnvironment({ slots: 4, queue: 8 });

test("lines that the user types reach the program", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(
    page,
    "name = input('Name? ')\nage = input(f'Hello {name}. How old? ')\nprint(int(age) + 1)\n",
  );
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const field = page.getByLabel("Input line");
  await page.locator(".log").getByText("Name?").waitFor();
  await field.fill("Ada");
  await field.press("Enter");
  await page.getByText("Hello Ada. How old?").waitFor();
  await screenshot(page, "typing");
  await field.fill("36");
  await page.getByRole("button", { name: "Send" }).click();
  expect(await verdictText(page)).toContain("Finished");
  // As in a terminal, the input is echoed after the prompt.
  expect(await shownOutput(page)).toBe("Name? Ada\nHello Ada. How old? 36\n37");
  expect(await field.count()).toBe(0);
});

/** Programs that do not flush their prompt. */
const PROMPTS: [string, string][] = [
  ["python", "print('Name? ', end='')\nprint('Hello ' + input())\n"],
  [
    "c",
    '#include <stdio.h>\nint main(void) { char s[9]; printf("Name? "); scanf("%8s", s); printf("Hello %s\\n", s); }\n',
  ],
  [
    "javascript",
    "const rl = require('readline').createInterface({ input: process.stdin, output: process.stdout });\nrl.question('Name? ', (name) => { console.log('Hello ' + name); rl.close(); });\n",
  ],
];

test.each(PROMPTS)("a prompt in %s is answered with the keyboard alone", async (language, code) => {
  const page = await env.openPage(`/?lang=${language}`);
  await setCode(page, code);
  await page.keyboard.press("Control+Enter");
  await page.locator(".phases").getByText("Waiting for your input").waitFor();
  await page.locator(".log").getByText("Name?").waitFor();
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("Name? Ada\nHello Ada");
});

test.each([1400, 768] as const)(
  "keys pressed right after Run reach the program at %i px",
  async (width) => {
    const page = await env.openPage("/?lang=python", SCREENS[width]);
    await setCode(page, "import time\ntime.sleep(1)\nprint('Hello', input('Name? '))\n");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.keyboard.type("Ada");
    await page.keyboard.press("Enter");
    expect(await verdictText(page)).toContain("Finished");
    expect(await shownOutput(page)).toContain("Hello Ada");
    // A key that comes too late does not start the program again.
    await page.keyboard.press("Enter");
    expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(0);
  },
);

test("keys pressed as soon as the page says that the program waits reach it, on a phone", async () => {
  const page = await env.openPage("/?lang=python", SCREENS[390]);
  await setCode(page, `import time\ntime.sleep(1)\n${PROMPT}`);
  await page.getByRole("button", { name: "Run", exact: true }).tap();
  // The on-screen keyboard stays closed while the program runs.
  const inputMode = () =>
    page.getByLabel("Input line").evaluate((field: HTMLInputElement) => field.inputMode);
  expect(await inputMode()).toBe("none");
  const focused = page.evaluate(
    () =>
      new Promise<string | null>((resolve) => {
        const check = () => {
          if (!document.querySelector(".live-input.waiting")) return;
          observer.disconnect();
          const { activeElement } = document;
          resolve(activeElement instanceof HTMLInputElement ? activeElement.inputMode : null);
        };
        const observer = new MutationObserver(check);
        observer.observe(document.body, { subtree: true, attributes: true, childList: true });
        check();
      }),
  );
  expect(await focused).toBe("text");
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toContain("Hello Ada");
});

test("after a program without input, the focus is in the editor again", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print(1)\n");
  await page.keyboard.press("Control+Enter");
  expect(await verdictText(page)).toContain("Finished");
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.closest(".monaco-editor") !== null))
    .toBe(true);
});

test("a password is not shown", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "import getpass\nprint(len(getpass.getpass('Password: ')))\n");
  await page.keyboard.press("Control+Enter");
  await page.locator(".phases").getByText("Waiting for your input").waitFor();
  await page.keyboard.type("secret");
  await page.keyboard.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toMatch(/^Password:\s+6$/);
});

test("the program reads the end of input", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(
    page,
    "import sys\nprint('reading', flush=True)\nprint(sorted(sys.stdin.read().split()))\n",
  );
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("reading", { exact: true }).waitFor();
  const field = page.getByLabel("Input line");
  await field.fill("b a");
  await field.press("Enter");
  await page.getByRole("button", { name: "End of input" }).click();
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("reading\nb a\n['a', 'b']");
});

test("the text of the input box is the complete stdin", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "while True:\n    print(input(), flush=True)\n");
  await page.getByLabel(/^Input/).fill("one\ntwo");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  expect(await verdictText(page)).toContain("Exited with code 1");
  // The traceback is written to the other pipe, and may arrive first.
  const text = await shownOutput(page);
  expect(text).toMatch(/^one\ntwo$/m);
  expect(text).toMatch(/^Traceback.*EOFError/ms);
});

test("Ctrl+C interrupts the program, which can handle the signal", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(
    page,
    "import time\ntry:\n    print('on', flush=True)\n    while True: time.sleep(0.05)\nexcept KeyboardInterrupt:\n    print('interrupted')\n",
  );
  for (const target of [
    page.getByLabel("Input line"),
    page.getByRole("region", { name: "Output" }),
  ]) {
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByText("on", { exact: true }).waitFor();
    await target.focus();
    await page.keyboard.press("Control+C");
    expect(await verdictText(page)).toContain("Finished");
    expect(await shownOutput(page)).toBe("on\ninterrupted");
  }
});
