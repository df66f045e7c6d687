import { expect, test } from "vitest";
import { splitArguments } from "../../src/program/arguments";
import { parseProgram } from "../../src/program/parse";
import { fileNameError, runRequest, testsRequest, type Program } from "../../src/program/program";
import { fromFragment, isShared, toFragment } from "../../src/program/share";
import { byteLength, sourceFile, withUploads } from "../../src/program/upload";

const PROGRAM: Program = {
  language: "python",
  version: "3.11",
  packages: "data-science",
  files: [
    { name: "main.py", content: "print('ü 漢 \u202e')\n" },
    { name: "b.py", content: "" },
  ],
  args: "a 'b c'",
  stdin: "1\n",
  terminal: true,
  options: { std: "c++23", warnings: true, sanitize: ["address"] },
  tests: [{ stdin: "1", expected: "2" }],
  compare: "numbers",
};

test("a link contains the whole program", async () => {
  const fragment = await toFragment(PROGRAM);
  expect(fragment).toMatch(/^#p1\.[\w-]+$/);
  expect(isShared(fragment)).toBe(true);
  expect(await fromFragment(fragment)).toEqual(PROGRAM);
});

test("a link can be written by hand", async () => {
  const link = "#code=print(%22a+b%22)%0A&lang=py&version=3.x&packages=none&stdin=1&args=x";
  expect(isShared(link)).toBe(true);
  expect(await fromFragment(link)).toEqual({
    language: "py",
    version: "3.x",
    packages: "none",
    files: [{ name: "", content: 'print("a b")\n' }],
    args: "x",
    stdin: "1",
    terminal: false,
    options: {},
    tests: [],
    compare: "lines",
  });
});

test("a request has the version and the options that differ from the defaults", () => {
  expect(runRequest(PROGRAM)).toMatchObject({
    packages: "data-science",
    version: "3.11",
    options: PROGRAM.options,
  });
  expect(testsRequest(PROGRAM)).toMatchObject({ version: "3.11", options: PROGRAM.options });
  const plain = runRequest({ ...PROGRAM, version: "", packages: "", options: {} });
  expect(plain.packages).toBeUndefined();
  expect(plain.version).toBeUndefined();
  expect(plain.options).toBeUndefined();
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
    version: "",
    packages: "",
    files: [{ name: "a.c", content: "x" }],
    args: "",
    stdin: "",
    terminal: false,
    options: {},
    tests: [],
    compare: "lines",
  });
  expect(parseProgram({ ...PROGRAM, compare: "else" })).toEqual({ ...PROGRAM, compare: "lines" });
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

test("an uploaded file is text if it can be, and base64 otherwise", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(sourceFile("a.txt", bytes("ü\r\n"))).toEqual({ name: "a.txt", content: "ü\r\n" });
  const binary = sourceFile("a.bin", new Uint8Array([0, 255, 1, 2]));
  expect(binary).toEqual({ name: "a.bin", content: "AP8BAg==", encoding: "base64" });
  expect(sourceFile("nul", bytes("a\0b")).encoding).toBe("base64");
  expect([binary, sourceFile("b", bytes("ü"))].map(byteLength)).toEqual([4, 2]);
  expect(parseProgram({ ...PROGRAM, files: [binary] })?.files).toEqual([binary]);
});

test("uploaded files are added within the server's limits", () => {
  const file = (name: string, content = "") => ({ name, content });
  const files = [file("main.py", "old"), file("b.py")];
  expect(withUploads(files, [file("b.py", "new"), file("c.csv")])).toEqual([
    file("main.py", "old"),
    file("b.py", "new"),
    file("c.csv"),
  ]);
  const many = Array.from({ length: 127 }, (_, index) => file(`${index}`));
  expect(withUploads(files, many)).toMatch(/at most 128 files/);
  expect(withUploads(files, [file("big", "x".repeat(4 * 1024 * 1024))])).toMatch(/4 MiB/);
  expect(withUploads(files, [file("../x")])).toMatch(/directory/);
});
