/** Running: languages, live output, how programs end, and what they can not do to the page. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { choose, ended, printed, run, world, write } from "./world";

const here = world({ slots: 4, queue: 8 });

const PROGRAMS: Record<string, string> = {
  python: "print(6 * 7)",
  javascript: "console.log(6 * 7)",
  cpp: "#include <iostream>\nint main() { std::cout << 6 * 7 << '\\n'; }",
  java: "public class Main {\n  public static void main(String[] args) {\n    System.out.println(6 * 7);\n  }\n}",
};

test("programs in four languages run", async () => {
  const tab = await here.visit();
  for (const [language, code] of Object.entries(PROGRAMS)) {
    await choose(tab, language);
    await write(tab, code);
    expect(await run(tab), language).toContain("Finished");
    expect(await printed(tab), language).toBe("42");
    expect(await tab.locator(".figures").innerText()).toMatch(/Clock.*Processor.*Memory/s);
  }
  expect(await tab.locator(".phases").innerText()).toMatch(/Compiled.*Ran/s);
});

test("the first program is there, and runs by one press", async () => {
  const tab = await here.visit();
  await tab.keyboard.press("Control+Enter");
  expect(await ended(tab)).toContain("Finished");
  expect((await printed(tab)).length).toBeGreaterThan(20);
});

test("output is seen before the program ends", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "print('first', flush=True)\ninput()\nprint('last')\n");
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.getByText("first", { exact: true }).waitFor();
  expect(await printed(tab)).toBe("first");
  expect(await tab.getByRole("button", { name: "Stop" }).isVisible()).toBe(true);
  // It can not have ended: it waits for us.
  await tab.getByRole("button", { name: "Send" }).click();
  expect(await ended(tab)).toContain("Finished");
  expect(await printed(tab)).toMatch(/^first\n+last$/);
});

test("stop ends the program", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "print('on', flush=True)\nwhile True: pass\n");
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.getByText("on", { exact: true }).waitFor();
  await tab.getByRole("button", { name: "Stop" }).click();
  expect(await ended(tab)).toContain("Stopped by you");
  await expect
    .poll(async () => (await fetch(`${here.daemons.origin}/metrics`)).text())
    .toContain("executor_running 0");
});

test("how a program ended is said in words", async () => {
  const tab = await here.visit("/?lang=c");
  const ends = async (code: string) => {
    await write(tab, code);
    return run(tab);
  };
  expect(await ends("int main(void) { return 3; }")).toContain("Exited with code 3");
  expect(await ends("int main(void) { return *(volatile int *)0; }")).toMatch(
    /Ended by SIGSEGV.*touched memory that is not its own/s,
  );
  expect(
    await ends(
      "#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }",
    ),
  ).toMatch(/needed more memory than it may have.*MiB allowed.*MiB used/s);
  expect(await ends('#include <stdio.h>\nint main(void) { for (;;) puts("0123456789"); }')).toMatch(
    /printed more than is kept.*MiB allowed/s,
  );
});

test("an error of the compiler is marked in the editor, and leads to its line", async () => {
  const tab = await here.visit("/?lang=cpp");
  await write(tab, "int main() {\n    int ok = 1;\n    return wrong;\n}\n");
  expect(await run(tab)).toContain("Did not compile");
  await tab.locator(".squiggly-error").waitFor();
  await tab.locator(".log .location").first().click();
  await expect.poll(() => tab.locator(".active-line-number").innerText()).toBe("3");
  expect(await tab.evaluate(() => document.activeElement?.closest(".monaco-editor") !== null)).toBe(
    true,
  );
});

test("a traceback leads into the file where it happened", async () => {
  const tab = await here.visit("/?lang=python");
  await tab.getByRole("button", { name: "Examples" }).click();
  await tab.getByRole("button", { name: /^An error, and where it is/ }).click();
  expect(await run(tab)).toContain("Exited with code 1");
  await tab.locator(".squiggly-error").waitFor();
  await tab.locator(".log .location", { hasText: "line 2" }).click();
  await expect.poll(() => tab.locator(".active-line-number").innerText()).toBe("2");
});

test("stdout, stderr and colours are told apart", async () => {
  const tab = await here.visit("/?lang=python");
  await write(
    tab,
    "import sys\nprint('\\033[1;32mgreen\\033[0m plain', flush=True)\nprint('bad', file=sys.stderr)\n",
  );
  await run(tab);
  // They are two pipes: what is written to both in the same moment arrives in either order.
  expect((await printed(tab)).split("\n").sort()).toEqual(["bad", "green plain"]);
  expect(await tab.locator(".fg-green.sgr-bold").innerText()).toBe("green");
  expect(await tab.locator(".stderr").innerText()).toBe("bad");
});

test("output is never more than text", async () => {
  const tab = await here.visit("/?lang=python");
  await write(
    tab,
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
  await run(tab);
  const text = await printed(tab);
  expect(text).toContain("<img src=x onerror=\"document.title='owned'\"><script>");
  expect(text).toContain("redlink");
  expect(text).toContain("abcU+202EdefU+2066ghi");
  expect(text).toContain("\ufffd\ufffd broken \ufffd");
  expect(text).toContain("nul␀bell␇");
  expect(text.endsWith("last")).toBe(true);
  expect(await tab.title()).toBe("Executor");
  expect(await tab.locator(".log img, .log script").count()).toBe(0);
});

test("a flood of output does not stop the page, and all of it can be taken away", async () => {
  const tab = await here.visit("/?lang=python");
  // The longest wait of a frame tells whether the page froze.
  await tab.evaluate(() => {
    const state = globalThis as unknown as { longest: number };
    state.longest = 0;
    let last = performance.now();
    const look = () => {
      state.longest = Math.max(state.longest, performance.now() - last);
      last = performance.now();
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await write(
    tab,
    "import sys\nfor n in range(130_000): print(n)\nsys.stdout.flush()\nsys.stderr.write('x' * 1_000_000)\n",
  );
  await run(tab);
  const text = await printed(tab);
  expect(text).toMatch(/\n129999\nx+… 996,000 more characters$/);
  expect(await tab.locator(".log .line").count()).toBeLessThanOrEqual(2000);
  expect(await tab.locator(".capped").innerText()).toContain("earlier lines are not shown");
  const longest = await tab.evaluate(() => (globalThis as unknown as { longest: number }).longest);
  expect(longest).toBeLessThan(2000);

  const download = tab.waitForEvent("download");
  await tab.getByRole("button", { name: "Download all of it" }).click();
  const kept = readFileSync(await (await download).path(), "utf8");
  expect(kept.startsWith("0\n1\n2\n")).toBe(true);
  expect(kept.length).toBe(1_000_000 + [...Array(130_000).keys()].join("\n").length + 1);
});
