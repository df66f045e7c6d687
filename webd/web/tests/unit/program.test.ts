import { expect, test } from "vitest";
import { splitArguments } from "../../src/program/arguments";
import { parseProgram } from "../../src/program/parse";
import { fileNameError, type Program } from "../../src/program/program";
import { fromFragment, isShared, toFragment } from "../../src/program/share";
import { tar } from "../../src/program/tar";

const PROGRAM: Program = {
  language: "python",
  files: [
    { name: "main.py", content: "print('ü 漢 \u202e')\n" },
    { name: "b.py", content: "" },
  ],
  args: "a 'b c'",
  stdin: "1\n",
  terminal: true,
  tests: [{ stdin: "1", expected: "2" }],
};

test("a link contains the whole program", async () => {
  const fragment = await toFragment(PROGRAM);
  expect(fragment).toMatch(/^#p1\.[\w-]+$/);
  expect(isShared(fragment)).toBe(true);
  expect(await fromFragment(fragment)).toEqual(PROGRAM);
});

test("an invalid link opens no program", async () => {
  const fragment = await toFragment(PROGRAM);
  for (const bad of ["", "#", "#other", "#p1.", "#p1.%%%", fragment.slice(0, -9), "#p2.abc"]) {
    expect(await fromFragment(bad), bad).toBeNull();
  }
});

test("a link that decompresses to too much data is rejected", async () => {
  const bomb = { ...PROGRAM, stdin: "0".repeat(17 * 1024 * 1024) };
  expect(await fromFragment(await toFragment(bomb))).toBeNull();
});

test("values that are not programs are rejected", () => {
  expect(parseProgram(PROGRAM)).toEqual(PROGRAM);
  expect(parseProgram({ language: "c", files: [{ name: "a.c", content: "x" }] })).toEqual({
    language: "c",
    files: [{ name: "a.c", content: "x" }],
    args: "",
    stdin: "",
    terminal: false,
    tests: [],
  });
  for (const other of [
    null,
    1,
    "x",
    [],
    {},
    { language: "c" },
    { language: "c", files: [] },
    { language: "c", files: [1] },
    { language: "c", files: [{ name: 1, content: "" }] },
    { language: "c", files: [{ name: "a", content: "" }], tests: [{}] },
    { language: "c", files: [{ name: "a", content: "" }], cases: [{}] },
  ]) {
    expect(parseProgram(other)).toBeNull();
  }
});

test("links and drafts of earlier versions call the tests cases", () => {
  const { tests, ...rest } = PROGRAM;
  expect(parseProgram({ ...rest, cases: tests })).toEqual(PROGRAM);
});

test("arguments are split as in a shell", () => {
  for (const [text, words] of [
    ["", []],
    ["  a  b ", ["a", "b"]],
    ["'a b' c", ["a b", "c"]],
    ['"a \\" b"', ['a " b']],
    ["a\\ b", ["a b"]],
    ["''", [""]],
    ["x'y'z", ["xyz"]],
    ["'\\n'", ["\\n"]],
    ["'open", ["open"]],
    ["\\", ["\\"]],
  ] as const) {
    expect(splitArguments(text), text).toEqual(words);
  }
});

test("file names cannot leave the program's directory", () => {
  for (const good of ["a.py", "dir/a.py", "..a", "ü.txt"])
    expect(fileNameError(good, [])).toBeNull();
  for (const bad of ["", "/a", "a/../b", "..", "a//b", "a\nb", "x".repeat(256), "taken"]) {
    expect(fileNameError(bad, ["taken"]), bad).not.toBeNull();
  }
});

test("an archive has the format of tar", () => {
  const bytes = tar([{ name: "a.txt", content: "hello" }]);
  const text = new TextDecoder("latin1").decode(bytes);
  expect(bytes.length).toBe(4 * 512);
  expect(text.slice(0, 5)).toBe("a.txt");
  expect(text.slice(124, 135)).toBe("00000000005");
  expect(text.slice(257, 262)).toBe("ustar");
  expect(text.slice(512, 517)).toBe("hello");
});
