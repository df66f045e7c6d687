/** Runs: languages, live output, verdicts, and output that attacks the page. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  selectLanguage,
  verdictText,
  shownOutput,
  run,
  testEnvironment,
  setCode,
} from "./environment";

const env = testEnvironment({ slots: 4, queue: 8 });

const PROGRAMS: Record<string, string> = {
  python: "print(6 * 7)",
  javascript: "console.log(6 * 7)",
  cpp: "#include <iostream>\nint main() { std::cout << 6 * 7 << '\\n'; }",
  java: "public class Main {\n  public static void main(String[] args) {\n    System.out.println(6 * 7);\n  }\n}",
};

test("programs in four languages run", async () => {
  const page = await env.openPage();
  for (const [language, code] of Object.entries(PROGRAMS)) {
    await selectLanguage(page, language);
    await setCode(page, code);
    expect(await run(page), language).toContain("Finished");
    expect(await shownOutput(page), language).toBe("42");
    expect(await page.locator(".figures").innerText()).toMatch(/Wall clock.*CPU.*Memory/s);
  }
  expect(await page.locator(".phases").innerText()).toMatch(/Compiled.*Ran/s);
});

test("a new user can run the first program with one key", async () => {
  const page = await env.openPage();
  await page.keyboard.press("Control+Enter");
  expect(await verdictText(page)).toContain("Finished");
  expect((await shownOutput(page)).length).toBeGreaterThan(20);
});

test("output is shown before the program ends", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print('first', flush=True)\ninput()\nprint('last')\n");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("first", { exact: true }).waitFor();
  expect(await shownOutput(page)).toBe("first");
  expect(await page.getByRole("button", { name: "Stop" }).isVisible()).toBe(true);
  // The program is still running: it waits for input.
  await page.getByRole("button", { name: "Send" }).click();
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toMatch(/^first\n+last$/);
});

test("the Stop button stops the program", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print('on', flush=True)\nwhile True: pass\n");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("on", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  expect(await verdictText(page)).toContain("Stopped by you");
  await expect
    .poll(async () => (await fetch(`${env.daemons.origin}/metrics`)).text())
    .toContain("executor_running 0");
});

test("the verdict explains how the program ended", async () => {
  const page = await env.openPage("/?lang=c");
  const verdictOf = async (code: string) => {
    await setCode(page, code);
    return run(page);
  };
  expect(await verdictOf("int main(void) { return 3; }")).toContain("Exited with code 3");
  expect(await verdictOf("int main(void) { return *(volatile int *)0; }")).toMatch(
    /Terminated by SIGSEGV.*invalid memory access/s,
  );
  expect(
    await verdictOf(
      "#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }",
    ),
  ).toMatch(/Memory limit exceeded.*MiB allowed.*MiB used/s);
  expect(
    await verdictOf('#include <stdio.h>\nint main(void) { for (;;) puts("0123456789"); }'),
  ).toMatch(/Output limit exceeded.*MiB allowed/s);
});

test("a compiler error is marked in the editor, and links to its line", async () => {
  const page = await env.openPage("/?lang=cpp");
  await setCode(page, "int main() {\n    int ok = 1;\n    return wrong;\n}\n");
  expect(await run(page)).toContain("Compilation failed");
  await page.locator(".squiggly-error").waitFor();
  await page.locator(".log .location").first().click();
  await expect.poll(() => page.locator(".active-line-number").innerText()).toBe("3");
  expect(
    await page.evaluate(() => document.activeElement?.closest(".monaco-editor") !== null),
  ).toBe(true);
});

test("a traceback links to the line of the error", async () => {
  const page = await env.openPage("/?lang=python");
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("button", { name: /^An exception/ }).click();
  expect(await run(page)).toContain("Exited with code 1");
  await page.locator(".squiggly-error").waitFor();
  await page.locator(".log .location", { hasText: "line 2" }).click();
  await expect.poll(() => page.locator(".active-line-number").innerText()).toBe("2");
});

test("stdout, stderr and colors are distinguishable", async () => {
  const page = await env.openPage("/?lang=python");
  // With given input the program has pipes, otherwise a terminal with one stream.
  await page.getByLabel(/^Input/).fill("x");
  await setCode(
    page,
    "import sys\nprint('\\033[1;32mgreen\\033[0m plain', flush=True)\nprint('bad', file=sys.stderr)\n",
  );
  await run(page);
  // Output to two pipes at the same time may arrive in either order.
  expect((await shownOutput(page)).split("\n").sort()).toEqual(["bad", "green plain"]);
  expect(await page.locator(".fg-green.sgr-bold").innerText()).toBe("green");
  expect(await page.locator(".stderr").innerText()).toBe("bad");
});

test("output is only shown as text", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(
    page,
    String.raw`
print("<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>")
print("\033]0;owned\007\033[2J\033[31mred\033]8;;https://evil.example\033\\link\033]8;;\033\\")
print("abc\u202edef\u2066ghi")
import sys
sys.stdout.flush()
sys.stdout.buffer.write(b"\xff\xfe broken \xc3\n")
print("nul\0bell\a")
print("last")
`,
  );
  await run(page);
  const text = await shownOutput(page);
  expect(text).toContain("<img src=x onerror=\"document.title='owned'\"><script>");
  expect(text).toContain("redlink");
  expect(text).toContain("abcU+202EdefU+2066ghi");
  expect(text).toContain("\ufffd\ufffd broken \ufffd");
  expect(text).toContain("nul␀bell␇");
  expect(text.endsWith("last")).toBe(true);
  expect(await page.title()).toBe("Executor");
  expect(await page.locator(".log img, .log script").count()).toBe(0);
});

test("a flood of output is shown in part, and can be downloaded completely", async () => {
  const page = await env.openPage("/?lang=python");
  await page.getByLabel(/^Input/).fill("x");
  await setCode(
    page,
    // The pause separates the two pipes: output at the same time may arrive in either order.
    "import sys, time\nfor n in range(130_000): print(n)\nsys.stdout.flush()\ntime.sleep(1)\nsys.stderr.write('x' * 1_000_000)\n",
  );
  await run(page);
  const text = await shownOutput(page);
  expect(text).toMatch(/\n129999\nx+… 996,000 more characters$/);
  expect(await page.locator(".log .line").count()).toBeLessThanOrEqual(2000);
  expect(await page.locator(".dropped").innerText()).toContain("earlier lines are not shown");

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download all output" }).click();
  const output = readFileSync(await (await download).path(), "utf8");
  expect(output.startsWith("0\n1\n2\n")).toBe(true);
  expect(output.length).toBe(1_000_000 + [...Array(130_000).keys()].join("\n").length + 1);
});
