/** Input to a running program. */
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { verdictText, shownOutput, testEnvironment, setCode } from "./environment";

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
    "import time\nprint('on', flush=True)\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('interrupted')\n",
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
