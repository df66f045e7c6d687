/** Talking to a program while it runs. */
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { ended, printed, world, write } from "./world";

const here = world({ slots: 4, queue: 8 });

test("what is typed reaches the program, line by line", async () => {
  const tab = await here.visit("/?lang=python");
  await write(
    tab,
    "name = input('Who? ')\nage = input(f'Hello {name}. How old? ')\nprint(int(age) + 1)\n",
  );
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  const field = tab.getByLabel("A line for the program");
  await tab.getByText("Who?").waitFor();
  await field.fill("Ada");
  await field.press("Enter");
  await tab.getByText("Hello Ada. How old?").waitFor();
  await screenshot(tab, "typing");
  await field.fill("36");
  await tab.getByRole("button", { name: "Send" }).click();
  expect(await ended(tab)).toContain("Finished");
  // As a terminal would show it: what was typed stands behind the question.
  expect(await printed(tab)).toBe("Who? Ada\nHello Ada. How old? 36\n37");
  expect(await field.count()).toBe(0);
});

test("the end of the input is the end of the input", async () => {
  const tab = await here.visit("/?lang=python");
  await write(
    tab,
    "import sys\nprint('reading', flush=True)\nprint(sorted(sys.stdin.read().split()))\n",
  );
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.getByText("reading", { exact: true }).waitFor();
  const field = tab.getByLabel("A line for the program");
  await field.fill("b a");
  await field.press("Enter");
  await tab.getByRole("button", { name: "End of input" }).click();
  expect(await ended(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("reading\nb a\n['a', 'b']");
});

test("prepared input is all there is", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "while True:\n    print(input(), flush=True)\n");
  await tab.getByLabel(/^Input/).fill("one\ntwo");
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  expect(await ended(tab)).toContain("Exited with code 1");
  // The traceback is on the other pipe, and may arrive first.
  const text = await printed(tab);
  expect(text).toMatch(/^one\ntwo$/m);
  expect(text).toMatch(/^Traceback.*EOFError/ms);
});

test("Ctrl+C interrupts, and the program may answer", async () => {
  const tab = await here.visit("/?lang=python");
  await write(
    tab,
    "import time\nprint('on', flush=True)\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('interrupted')\n",
  );
  for (const place of [
    tab.getByLabel("A line for the program"),
    tab.getByRole("region", { name: "Output" }),
  ]) {
    await tab.getByRole("button", { name: "Run", exact: true }).click();
    await tab.getByText("on", { exact: true }).waitFor();
    await place.focus();
    await tab.keyboard.press("Control+C");
    expect(await ended(tab)).toContain("Finished");
    expect(await printed(tab)).toBe("on\ninterrupted");
  }
});
