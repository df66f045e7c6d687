/** Programs: files, tests, examples, links and drafts. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { EXAMPLES } from "../../src/program/examples-data";
import { testsRequest, runRequest } from "../../src/program/program";
import {
  selectLanguage,
  verdictText,
  shownOutput,
  ready,
  run,
  testEnvironment,
  setCode,
} from "./environment";

const env = testEnvironment({ slots: 4, queue: 64 });

test("a program can have several files", async () => {
  const page = await env.openPage();
  await selectLanguage(page, "python");
  await setCode(page, "from helper import twice\nprint(twice(21))\n");
  await page.getByRole("button", { name: "Add file" }).click();
  await page.getByRole("button", { name: "file2.py", exact: true }).click();
  const name = page.getByLabel("New name for file2.py");
  await name.fill("helper.py");
  await name.press("Enter");
  await setCode(page, "def twice(n):\n    return 2 * n\n");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("42");

  await page.getByRole("button", { name: "Remove helper.py" }).click();
  expect(await run(page)).toContain("Exited with code 1");
});

test("arguments and input reach the program", async () => {
  const page = await env.openPage("/?lang=py");
  await setCode(page, "import sys\nprint(sys.argv[1:], repr(sys.stdin.read()))\n");
  await page.getByLabel("Arguments").fill("a 'b c'");
  await page.getByLabel(/^Input/).fill("x\ny");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("['a', 'b c'] 'x\\ny'");
});

test("the version of a language can be chosen, and is part of the program", async () => {
  const page = await env.openPage("/?lang=speech");
  await setCode(page, "echo I am $SPEECH\n");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("I am 2.1.0");
  const version = page.getByLabel("Version");
  expect(await version.locator("option").allInnerTexts()).toEqual(["2.1.0", "1.9.3"]);
  await version.selectOption("1.9.3");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("I am 1.9.3");
  await page.reload();
  await ready(page);
  expect(await version.inputValue()).toBe("1.9.3");
  await page.goto(`${env.daemons.origin}/#code=echo+$SPEECH&lang=speech&version=9.x`);
  await page.reload();
  await ready(page);
  expect(await run(page)).toMatch(/The server rejected the request.*2\.1\.0/s);
  await version.selectOption("2.1.0");
  expect(await run(page)).toContain("Finished");
  // With one version, it is next to the name of the language.
  await selectLanguage(page, "bash");
  expect(await version.count()).toBe(0);
});

test("all tests run together, and each has a result", async () => {
  const page = await env.openPage("/?lang=cpp");
  await setCode(
    page,
    "#include <iostream>\n#include <cstdlib>\nint main() { int n; std::cin >> n; if (n == 3) std::abort(); std::cout << n * n; }\n",
  );
  await page.getByRole("button", { name: /^Tests/ }).click();
  for (const [index, [input, expected]] of [
    ["4", "16"],
    ["5", "24"],
    ["3", "9"],
  ].entries()) {
    await page.getByRole("button", { name: "Add test" }).click();
    await page.getByLabel(`Input of test ${index + 1}`).fill(input ?? "");
    await page.getByLabel(`Expected output of test ${index + 1}`).fill(expected ?? "");
  }
  await page.getByRole("button", { name: "Run all tests" }).click();
  await verdictText(page);
  const verdicts = await page.locator(".test-verdict strong").allInnerTexts();
  expect(verdicts).toEqual(["Passed", "Wrong output", "Terminated by SIGABRT"]);
  await page.locator(".test-verdict details summary").first().click();
  expect(await page.locator(".test-verdict .printed").first().innerText()).toBe("25");
  expect(await page.getByRole("button", { name: "Tests 1/3" }).count()).toBe(1);
  expect(await page.locator(".test-verdict").nth(1).innerText()).toContain(
    "Line 1, column 2: expected “24”, got “25”",
  );

  await page.getByLabel("Expected output of test 2").fill("25.0000001 ");
  for (const [compare, passed] of [
    ["exact", 1],
    ["numbers", 2],
  ] as const) {
    await page.getByLabel("Comparison of outputs").selectOption(compare);
    await page.getByRole("button", { name: "Run all tests" }).click();
    await page.getByRole("button", { name: `Tests ${passed}/3` }).waitFor();
  }
});

test("compiler errors are shown with the tests", async () => {
  const page = await env.openPage("/?lang=cpp");
  await setCode(page, "int main() { return x; }\n");
  await page.getByRole("button", { name: /^Tests/ }).click();
  await page.getByRole("button", { name: "Add test" }).click();
  await page.getByRole("button", { name: "Run all tests" }).click();
  expect(await verdictText(page)).toContain("Compilation failed");
  expect(await page.locator(".tests-body > .printed").innerText()).toContain(
    "main.cpp:1:21: error",
  );
});

test("a link opens the program in another browser", async () => {
  const page = await env.openPage("/?lang=javascript");
  await setCode(page, 'console.log("über", 6 * 7);\n');
  await page.getByRole("button", { name: "Share" }).click();
  const link = await page.getByLabel("Link", { exact: true }).inputValue();
  expect(link).toContain("#p1.");
  await page.getByRole("button", { name: "Copy: Link" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);

  const other = await env.openPage(link.slice(env.daemons.origin.length));
  await other.getByRole("button", { name: /^Language: JavaScript/ }).waitFor();
  expect(await run(other)).toContain("Finished");
  expect(await shownOutput(other)).toBe("über 42");
});

test("a link does not discard the user's own program", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print('theirs')\n");
  await page.getByRole("button", { name: "Share" }).click();
  const link = await page.getByLabel("Link", { exact: true }).inputValue();
  await page.getByRole("button", { name: "Close" }).click();
  await setCode(page, "print('mine')\n");
  await page.goto("about:blank");
  await page.goto(link);
  await ready(page);
  await run(page);
  expect(await shownOutput(page)).toBe("theirs");
  await page.getByRole("button", { name: "Restore my program" }).click();
  await run(page);
  expect(await shownOutput(page)).toBe("mine");
});

test("an invalid link is reported", async () => {
  // The notice disappears after a while, so the test does not wait for the editor.
  const page = await env.openBlankPage();
  await page.goto(`${env.daemons.origin}/#p1.broken`, { waitUntil: "commit" });
  await page.locator(".notice", { hasText: "The link is invalid" }).waitFor();
});

test("a reload keeps the draft of each language", async () => {
  const page = await env.openPage("/");
  await selectLanguage(page, "cpp");
  await setCode(page, "int main() { return 7; }\n");
  await selectLanguage(page, "python");
  await setCode(page, "print('kept')\n");
  await page.getByLabel("Arguments").fill("1 2");
  await page.reload();
  await ready(page);
  await page.getByRole("button", { name: /^Language: Python/ }).waitFor();
  expect(await page.getByLabel("Arguments").inputValue()).toBe("1 2");
  await run(page);
  expect(await shownOutput(page)).toBe("kept");
  await selectLanguage(page, "cpp");
  expect(await run(page)).toContain("Exited with code 7");

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "Start over" }).click();
  // The example may have to be loaded, and until the run begins, the page shows the last verdict.
  await page.locator(".view-lines", { hasText: "return 7" }).waitFor({ state: "detached" });
  expect(await run(page)).toContain("Finished");
});

/** The module of the page's examples. */
const EXAMPLES_DATA = /\/examples-data-[^/]*\.js$/;

/** Reloads the page, and holds its examples back until the returned function is called. */
async function reloadWithoutExamples(page: Page): Promise<() => void> {
  const release = new AbortController();
  await page.unroute(EXAMPLES_DATA);
  await page.route(EXAMPLES_DATA, async (route) => {
    if (!release.signal.aborted) await once(release.signal, "abort");
    await route.continue();
  });
  await page.reload();
  await ready(page);
  return () => {
    release.abort();
  };
}

test("a program that is loaded slowly is run, unless another one is chosen meanwhile", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print('kept')\n");
  const choose = async (language: string) => {
    await page.getByRole("button", { name: /^Language:/ }).click();
    await page.locator(`[data-language="${language}"]`).click();
  };
  let release = await reloadWithoutExamples(page);
  await choose("speech");
  await choose("python");
  const loaded = page.waitForEvent("requestfinished", (request) =>
    request.url().includes("/examples-data-"),
  );
  release();
  await loaded;
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("kept");

  release = await reloadWithoutExamples(page);
  await choose("speech");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  release();
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("2.1.0");
});

test("without the examples of the page, a language has the one of the server", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print('kept')\n");
  await page.route(EXAMPLES_DATA, (route) => route.abort());
  await page.reload();
  await ready(page);
  await selectLanguage(page, "speech");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("2.1.0");
});

test("the program can be downloaded", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print(1)\n");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "Download program" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe("main.py");
  expect(readFileSync(await file.path(), "utf8").trim()).toBe("print(1)");
});

test("an example can be opened from the menu", async () => {
  const page = await env.openPage("/?lang=python");
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("button", { name: /^Several files/ }).click();
  await expect
    .poll(() => page.locator(".source .tab-name").allInnerTexts())
    .toEqual(["main.py", "shapes.py"]);
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toContain("Square(side=2)");
});

/** Returns the text of a file in the draft that the browser has stored. */
function draft(page: Page, language: string, file: number): Promise<string> {
  return page.evaluate(
    ([key, index]) => {
      const { files } = JSON.parse(localStorage.getItem(key) ?? "{}") as {
        files: { content: string }[];
      };
      return files[index]?.content ?? "";
    },
    [`executor.draft.${language}`, file] as const,
  );
}

test("the server formats the open file, which can be undone", async () => {
  const page = await env.openPage("/?lang=cpp");
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("button", { name: /^A header file/ }).click();
  await page.getByRole("button", { name: "fraction.h", exact: true }).click();
  await setCode(page, "struct  Fraction{int a;};");
  await page.getByRole("button", { name: "Format code" }).click();
  await expect.poll(() => draft(page, "cpp", 1)).toBe("struct Fraction {\n    int a;\n};");
  await page.locator(".monaco-editor .view-lines").click();
  await page.keyboard.press("Control+Z");
  await expect.poll(() => draft(page, "cpp", 1)).toBe("struct  Fraction{int a;};");

  await selectLanguage(page, "python");
  await setCode(page, "print( 'a' )");
  await page.keyboard.press("Shift+Alt+F");
  await expect.poll(() => draft(page, "python", 0)).toBe('print("a")\n');
  await setCode(page, "if True");
  await page.getByRole("button", { name: "Format code" }).click();
  const notice = page.locator(".notice", { hasText: "The code cannot be formatted" });
  expect(await notice.innerText()).toContain("Cannot parse: 1:7");
  expect(await draft(page, "python", 0)).toBe("if True");
  await selectLanguage(page, "lua");
  await page.getByRole("button", { name: "Format code" }).waitFor({ state: "detached" });
});

test("Vim keys edit the program", async () => {
  const page = await env.openPage("/?lang=python");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Vim keys").check();
  await page.keyboard.press("Escape");
  await page.locator(".vim-status", { hasText: "--NORMAL--" }).waitFor();
  await page.locator(".monaco-editor .view-lines").click();
  await page.keyboard.type("ggdGiprint(6*7)");
  await page.locator(".vim-status", { hasText: "--INSERT--" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.type("yyp:s/7/8/\n");
  await screenshot(page, "vim");
  await page.keyboard.press("Control+Enter");
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("42\n48");
  await page.reload();
  await ready(page);
  await page.locator(".vim-status", { hasText: "--NORMAL--" }).waitFor();
});

/** Status of the examples that do not end with `ok`. */
const STATUSES: Record<string, string> = {
  "An exception": "nonzero",
  "An uncaught exception": "nonzero",
  "A type error": "compile_error",
  "A compiler error": "compile_error",
  "A crash": "signal",
  "An endless loop": "timeout",
};
/** Input for interactive examples. */
const INPUT = "Ada\n36\n50\n25\n12\n6\n3\n1\n0\n";

test("every example ends as it should", async () => {
  const examples = Object.values(EXAMPLES).flat();
  expect(examples.length).toBeGreaterThan(25);
  const execute = async (body: object) => {
    const response = await fetch(`${env.daemons.origin}/api/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as {
      status: string;
      output: string;
      runs: { output: string }[];
    };
  };
  const failures = examples.map(async ({ title, program }) => {
    const request = runRequest(program);
    // On a busy host, importing matplotlib takes longer than the default limits permit.
    const limits =
      title === "An endless loop" ? { cpu_ms: 200 } : { cpu_ms: 60_000, wall_ms: 100_000 };
    const { status, output } = await execute({
      stdin: program.tests[0]?.stdin ?? INPUT,
      ...request,
      limits: { ...request.limits, ...limits },
    });
    const expected = STATUSES[title] ?? "ok";
    return status === expected ? [] : [`${program.language} “${title}”: ${status}\n${output}`];
  });
  expect((await Promise.all(failures)).flat()).toEqual([]);

  const tested = examples.filter(({ program }) => program.tests.length > 0);
  for (const { title, program } of tested) {
    const { runs } = await execute(testsRequest(program));
    expect(runs.length, title).toBe(program.tests.length);
  }
});

test("words are suggested while the user types", async () => {
  const page = await env.openPage("/?lang=python");
  // The words of the language arrive only after the user has typed more.
  let release = () => {};
  const typed = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/words-[^/]*\.js$/, async (route) => {
    await typed;
    await route.continue();
  });
  await setCode(page, "remarkable_value = 1\n");
  await page.keyboard.type("remark");
  release();
  const list = page.locator(".suggest-widget.visible .monaco-list-row.focused");
  await list.filter({ hasText: "remarkable_value" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type(" += 1\nprin");
  await list.filter({ hasText: "print" }).first().waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("(remarkable_value)");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("2");
});

test("options reach the compiler, and runs are in the history", async () => {
  const page = await env.openPage("/?lang=cpp");
  await setCode(page, "#include <iostream>\nint main() { std::cout << __cplusplus << '\\n'; }\n");
  await page.locator(".options summary").click();
  await page.locator(".options").getByLabel("Standard").selectOption("c++11");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("201103");
  await page.reload();
  await ready(page);
  expect(await page.locator(".options summary small").innerText()).toBe("1");
  await selectLanguage(page, "python");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("button", { name: "History of runs" }).click();
  await page.locator(".history li", { hasText: "#include <iostream>" }).getByRole("button").click();
  await page.getByRole("button", { name: /^Language: C\+\+/ }).waitFor();
});

test("the page speaks the language of the browser, and another one if that is chosen", async () => {
  const page = await env.openPage("/?lang=python", { locale: "de-DE" });
  await page.getByRole("button", { name: "Ausführen", exact: true }).waitFor();
  await page.getByRole("button", { name: "Mehr" }).click();
  await page.getByRole("button", { name: "Einstellungen" }).click();
  await page.getByLabel("Sprache dieser Seite").selectOption("hi");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "चलाएँ", exact: true }).waitFor();
  expect(await page.evaluate(() => document.documentElement.lang)).toBe("hi");
});

test("Persian, Hindi and emoji are shown as they are", async () => {
  const page = await env.openPage("/?lang=python");
  const text = "می‌خواهم سلام، دنیا!\nक्‍ष हिन्दी\n👩‍💻 👨‍👩‍👧 🏳️‍🌈";
  await setCode(page, `print(${JSON.stringify(text)})\n`);
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe(text);
  expect(await page.locator(".log .mark").count()).toBe(0);
  await screenshot(page, "scripts");
  // Elsewhere joiners only hide something.
  await setCode(page, 'print("ad\\u200dmin\\u200c")\n');
  await run(page);
  await shownOutput(page);
  expect(await page.locator(".log .mark").count()).toBe(2);
});
