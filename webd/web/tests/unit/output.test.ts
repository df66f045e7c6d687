import { expect, test } from "vitest";
import { Lines, MAX_LINES, MAX_LINE_LENGTH } from "../../src/output/lines";
import { OutputBuffer } from "../../src/output/output-buffer";
import { INVISIBLE, keepOnlyColors, symbolFor, toPlainText } from "../../src/output/plain-text";
import { segmentsOf } from "../../src/output/segments";

const ESC = "\u001b";

function lines(...chunks: string[]): string[] {
  const output = new Lines();
  for (const chunk of chunks) output.push("stdout", chunk);
  return output.recent.map((line) => line.spans.map((span) => span.text).join(""));
}

test("line breaks are recognized across chunk boundaries", () => {
  expect(lines("a\nb\n")).toEqual(["a", "b", ""]);
  expect(lines("a", "b\nc")).toEqual(["ab", "c"]);
  expect(lines("a\r", "\nb")).toEqual(["a", "b"]);
  expect(lines("a\r\nb")).toEqual(["a", "b"]);
});

test("a carriage return overwrites the line", () => {
  expect(lines("10%\r20%\r30%")).toEqual(["30%"]);
  expect(lines("10%\r", "20%")).toEqual(["20%"]);
  expect(lines("done\r", "\n", "next")).toEqual(["done", "next"]);
});

test("streams share a line but remain distinguishable", () => {
  const output = new Lines();
  output.push("stdout", "out ");
  output.push("stderr", "err");
  output.push("stdout", " out\n");
  expect(output.recent[0]?.spans).toEqual([
    { source: "stdout", text: "out " },
    { source: "stderr", text: "err" },
    { source: "stdout", text: " out" },
  ]);
});

test("text beyond the limits of the view is counted instead of shown", () => {
  const output = new Lines();
  output.push("stdout", "x".repeat(MAX_LINE_LENGTH + 10));
  output.push("stdout", "y\n");
  expect(output.recent[0]?.omitted).toBe(11);
  for (let count = 0; count < MAX_LINES + 100; count++) output.push("stdout", "line\n");
  expect(output.recent.length).toBe(MAX_LINES);
  expect(output.dropped).toBe(102);
});

test("escape sequences other than colors are removed", () => {
  for (const [printed, left] of [
    [`${ESC}[31mred${ESC}[0m`, `${ESC}[31mred${ESC}[0m`],
    [`${ESC}[2J${ESC}[1;1Hhome`, "home"],
    [`${ESC}[?1049h${ESC}[>4;1m`, ""],
    [`${ESC}]0;title\u0007text`, "text"],
    [`${ESC}]8;;https://evil.example${ESC}\\link${ESC}]8;;${ESC}\\`, "link"],
    [`${ESC}]52;c;aGk=\u0007`, ""],
    [`${ESC}P1$r${ESC}\\${ESC}c${ESC}(B`, ""],
    [`${ESC}]0;never ends`, ""],
    [`a${ESC}`, "a␛"],
    [`${ESC}[31`, "␛[31"],
  ] as const) {
    expect(keepOnlyColors(printed)).toBe(left);
  }
});

test("invisible characters are made visible", () => {
  const shown = (text: string) =>
    text.split(INVISIBLE).map((part, index) => (index % 2 === 0 ? part : symbolFor(part)));
  expect(shown("a\u0000b")).toEqual(["a", "␀", "b"]);
  expect(shown("\u202eevil")).toEqual(["", "U+202E", "evil"]);
  expect(shown("\u2066x\u2069")).toEqual(["", "U+2066", "x", "U+2069", ""]);
  expect(shown("\u009b31m")).toEqual(["", "U+009B", "31m"]);
  expect(shown("tab\tstays, so does é and 漢字")).toEqual(["tab\tstays, so does é and 漢字"]);
  expect(toPlainText(`${ESC}[1mbold${ESC}[0m\u202e`)).toBe("boldU+202E");
});

test("a style lasts until it is reset, also across lines", () => {
  const first = segmentsOf(`a${ESC}[1;31mb`, "");
  expect(first.segments).toEqual([
    { text: "a", classes: [] },
    { text: "b", classes: ["sgr-bold", "fg-red"] },
  ]);
  const second = segmentsOf(`c${ESC}[0md`, first.style);
  expect(second.segments).toEqual([
    { text: "c", classes: ["sgr-bold", "fg-red"] },
    { text: "d", classes: [] },
  ]);
  expect(second.style).toBe("");
});

test("all color formats are supported", () => {
  const [segment] = segmentsOf(`${ESC}[38;5;208;48;2;1;2;3mx`, "").segments;
  expect(segment).toMatchObject({ color: "#ff8700", background: "#010203" });
  expect(segmentsOf(`${ESC}[38;5;999mx`, "").segments).toEqual([{ text: "x", classes: [] }]);
  expect(segmentsOf(`${ESC}[97;7mx`, "").segments[0]?.classes).toEqual([
    "sgr-reverse",
    "bg-brightWhite",
  ]);
});

test("many escape sequences are parsed in bounded time", () => {
  const began = performance.now();
  const { style } = segmentsOf(`${ESC}[1m${ESC}[31m`.repeat(100_000), "");
  keepOnlyColors(`${ESC}]`.repeat(200_000));
  keepOnlyColors(`${ESC}[`.repeat(200_000));
  expect(style).toBe(`${ESC}[1;31m`);
  expect(performance.now() - began).toBeLessThan(3000);
});

test("the output buffer keeps every byte", () => {
  const buffer = new OutputBuffer();
  buffer.append("stdout", new Uint8Array([255, 0]));
  buffer.append("stderr", new Uint8Array([1]));
  buffer.append("stdout", new Uint8Array([254]));
  expect([...buffer.bytes()]).toEqual([255, 0, 1, 254]);
  expect([...buffer.bytes("stdout")]).toEqual([255, 0, 254]);
  expect(buffer.size).toBe(4);
});
