/** Programs: several files, cases, examples, links, what is kept. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EXAMPLES } from "../../src/program/examples-data";
import { casesRequest, runRequest } from "../../src/program/program";
import { choose, ended, printed, ready, run, world, write } from "./world";

const here = world({ slots: 4, queue: 64 });

test("a program of several files", async () => {
  const tab = await here.visit();
  await choose(tab, "python");
  await write(tab, "from helper import twice\nprint(twice(21))\n");
  await tab.getByRole("button", { name: "Add a file" }).click();
  await tab.getByRole("button", { name: "file2.py", exact: true }).click();
  const name = tab.getByLabel("New name of file2.py");
  await name.fill("helper.py");
  await name.press("Enter");
  await write(tab, "def twice(n):\n    return 2 * n\n");
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("42");

  await tab.getByRole("button", { name: "Remove helper.py" }).click();
  expect(await run(tab)).toContain("Exited with code 1");
});

test("arguments and input reach the program", async () => {
  const tab = await here.visit("/?lang=py");
  await write(tab, "import sys\nprint(sys.argv[1:], repr(sys.stdin.read()))\n");
  await tab.getByLabel("Arguments").fill("a 'b c'");
  await tab.getByLabel(/^Input/).fill("x\ny");
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("['a', 'b c'] 'x\\ny'");
});

test("cases are tried together, and each has its verdict", async () => {
  const tab = await here.visit("/?lang=cpp");
  await write(
    tab,
    "#include <iostream>\n#include <cstdlib>\nint main() { int n; std::cin >> n; if (n == 3) std::abort(); std::cout << n * n; }\n",
  );
  await tab.getByRole("button", { name: /^Tests/ }).click();
  for (const [index, [input, expected]] of [
    ["4", "16"],
    ["5", "24"],
    ["3", "9"],
  ].entries()) {
    await tab.getByRole("button", { name: "Add a case" }).click();
    await tab.getByLabel(`Input of case ${index + 1}`).fill(input ?? "");
    await tab.getByLabel(`Expected output of case ${index + 1}`).fill(expected ?? "");
  }
  await tab.getByRole("button", { name: "Try all" }).click();
  await ended(tab);
  const verdicts = await tab.locator(".case-verdict strong").allInnerTexts();
  expect(verdicts).toEqual(["Passed", "Wrong output", "Ended by SIGABRT"]);
  await tab.locator(".case-verdict details summary").first().click();
  expect(await tab.locator(".case-verdict .printed").first().innerText()).toBe("25");
  expect(await tab.getByRole("button", { name: "Tests 1/3" }).count()).toBe(1);
});

test("the compiler's words stand with the cases when nothing compiles", async () => {
  const tab = await here.visit("/?lang=cpp");
  await write(tab, "int main() { return x; }\n");
  await tab.getByRole("button", { name: /^Tests/ }).click();
  await tab.getByRole("button", { name: "Add a case" }).click();
  await tab.getByRole("button", { name: "Try all" }).click();
  expect(await ended(tab)).toContain("Did not compile");
  expect(await tab.locator(".cases-body > .printed").innerText()).toContain("main.cpp:1:21: error");
});

test("a link brings the program to somebody else", async () => {
  const tab = await here.visit("/?lang=javascript");
  await write(tab, 'console.log("über", 6 * 7);\n');
  await tab.getByRole("button", { name: "Share" }).click();
  const link = await tab.getByLabel("Link", { exact: true }).inputValue();
  expect(link).toContain("#p1.");
  await tab.getByRole("button", { name: "Copy: Link" }).click();
  expect(await tab.evaluate(() => navigator.clipboard.readText())).toBe(link);

  const other = await here.visit(link.slice(here.daemons.origin.length));
  expect(await other.getByLabel("Language").inputValue()).toBe("javascript");
  expect(await run(other)).toContain("Finished");
  expect(await printed(other)).toBe("über 42");
});

test("a link does not take away what somebody had", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "print('theirs')\n");
  await tab.getByRole("button", { name: "Share" }).click();
  const link = await tab.getByLabel("Link", { exact: true }).inputValue();
  await tab.getByRole("button", { name: "Close" }).click();
  await write(tab, "print('mine')\n");
  await tab.goto("about:blank");
  await tab.goto(link);
  await ready(tab);
  await run(tab);
  expect(await printed(tab)).toBe("theirs");
  await tab.getByRole("button", { name: "Bring mine back" }).click();
  await run(tab);
  expect(await printed(tab)).toBe("mine");
});

test("a broken link is said to be broken", async () => {
  const tab = await here.visit("/#p1.broken");
  expect(await tab.locator(".notice").innerText()).toContain("The link is broken");
});

test("a reload keeps everything, for each language", async () => {
  const tab = await here.visit("/");
  await choose(tab, "cpp");
  await write(tab, "int main() { return 7; }\n");
  await choose(tab, "python");
  await write(tab, "print('kept')\n");
  await tab.getByLabel("Arguments").fill("1 2");
  await tab.reload();
  await ready(tab);
  expect(await tab.getByLabel("Language").inputValue()).toBe("python");
  expect(await tab.getByLabel("Arguments").inputValue()).toBe("1 2");
  await run(tab);
  expect(await printed(tab)).toBe("kept");
  await choose(tab, "cpp");
  expect(await run(tab)).toContain("Exited with code 7");

  await tab.getByRole("button", { name: "More" }).click();
  await tab.getByRole("button", { name: "Start over" }).click();
  expect(await run(tab)).toContain("Finished");
});

test("the program can be taken away", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "print(1)\n");
  const download = tab.waitForEvent("download");
  await tab.getByRole("button", { name: "More" }).click();
  await tab.getByRole("button", { name: "Download the program" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe("main.py");
  expect(readFileSync(await file.path(), "utf8").trim()).toBe("print(1)");
});

test("an example is opened from the menu", async () => {
  const tab = await here.visit("/?lang=python");
  await tab.getByRole("button", { name: "Examples" }).click();
  await tab.getByRole("button", { name: /^Several files/ }).click();
  expect(await tab.locator(".source .tab-name").allInnerTexts()).toEqual(["main.py", "shapes.py"]);
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toContain("Square(side=2)");
});

/** How examples end that do not simply end. */
const ENDS: Record<string, string> = {
  "An error, and where it is": "nonzero",
  "An error that nobody caught": "nonzero",
  "An exception": "nonzero",
  "What the compiler refuses": "compile_error",
  "What the compiler says": "compile_error",
  "How a program dies": "signal",
  "A loop without end": "timeout",
};
/** What is typed into those that ask. */
const TYPED = "Ada\n36\n50\n25\n12\n6\n3\n1\n0\n";

test("every example does what it is there to show", async () => {
  const examples = Object.values(EXAMPLES).flat();
  expect(examples.length).toBeGreaterThan(25);
  const execute = async (body: object) => {
    const answer = await fetch(`${here.daemons.origin}/api/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as { status: string; output: string; runs: { output: string }[] };
  };
  const ends = examples.map(async ({ title, program }) => {
    const request = runRequest(program);
    const slow = title === "A loop without end" ? { limits: { cpu_ms: 200 } } : {};
    const { status, output } = await execute({
      stdin: program.cases[0]?.stdin ?? TYPED,
      ...request,
      ...slow,
    });
    const expected = ENDS[title] ?? "ok";
    return status === expected ? [] : [`${program.language} “${title}”: ${status}\n${output}`];
  });
  expect((await Promise.all(ends)).flat()).toEqual([]);

  const tried = examples.filter(({ program }) => program.cases.length > 0);
  for (const { title, program } of tried) {
    const { runs } = await execute(casesRequest(program));
    expect(runs.length, title).toBe(program.cases.length);
  }
});
