import { expect, test } from "vitest";
import { KeptOutput } from "../../src/output/kept";
import { Lines, MAX_LINE, MAX_LINES } from "../../src/output/lines";
import { segmentsOf } from "../../src/output/segments";
import { MARKS, onlyColours, signOf, stripped } from "../../src/output/visible";

const ESC = "\u001b";

function lines(...chunks: string[]): string[] {
  const made = new Lines();
  for (const chunk of chunks) made.push("stdout", chunk);
  return made.kept.map((line) => line.pieces.map((piece) => piece.text).join(""));
}

test("lines end where they end, wherever the chunks do", () => {
  expect(lines("a\nb\n")).toEqual(["a", "b", ""]);
  expect(lines("a", "b\nc")).toEqual(["ab", "c"]);
  expect(lines("a\r", "\nb")).toEqual(["a", "b"]);
  expect(lines("a\r\nb")).toEqual(["a", "b"]);
});

test("a carriage return begins the line anew", () => {
  expect(lines("10%\r20%\r30%")).toEqual(["30%"]);
  expect(lines("10%\r", "20%")).toEqual(["20%"]);
  expect(lines("done\r", "\n", "next")).toEqual(["done", "next"]);
});

test("streams share a line and stay apart", () => {
  const made = new Lines();
  made.push("stdout", "out ");
  made.push("stderr", "err");
  made.push("stdout", " out\n");
  expect(made.kept[0]?.pieces).toEqual([
    { stream: "stdout", text: "out " },
    { stream: "stderr", text: "err" },
    { stream: "stdout", text: " out" },
  ]);
});

test("what would be too much for a page is counted instead", () => {
  const made = new Lines();
  made.push("stdout", "x".repeat(MAX_LINE + 10));
  made.push("stdout", "y\n");
  expect(made.kept[0]?.omitted).toBe(11);
  for (let count = 0; count < MAX_LINES + 100; count++) made.push("stdout", "line\n");
  expect(made.kept.length).toBe(MAX_LINES);
  expect(made.dropped).toBe(102);
});

test("escape sequences are colours or nothing", () => {
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
    expect(onlyColours(printed)).toBe(left);
  }
});

test("what does not show itself is shown", () => {
  const shown = (text: string) =>
    text.split(MARKS).map((part, index) => (index % 2 === 0 ? part : signOf(part)));
  expect(shown("a\u0000b")).toEqual(["a", "␀", "b"]);
  expect(shown("\u202eevil")).toEqual(["", "U+202E", "evil"]);
  expect(shown("\u2066x\u2069")).toEqual(["", "U+2066", "x", "U+2069", ""]);
  expect(shown("\u009b31m")).toEqual(["", "U+009B", "31m"]);
  expect(shown("tab\tstays, so does é and 漢字")).toEqual(["tab\tstays, so does é and 漢字"]);
  expect(stripped(`${ESC}[1mbold${ESC}[0m\u202e`)).toBe("boldU+202E");
});

test("a look lasts until it is taken back, over lines too", () => {
  const first = segmentsOf(`a${ESC}[1;31mb`, "");
  expect(first.segments).toEqual([
    { text: "a", classes: [] },
    { text: "b", classes: ["sgr-bold", "fg-red"] },
  ]);
  const second = segmentsOf(`c${ESC}[0md`, first.carried);
  expect(second.segments).toEqual([
    { text: "c", classes: ["sgr-bold", "fg-red"] },
    { text: "d", classes: [] },
  ]);
  expect(second.carried).toBe("");
});

test("all colours there are", () => {
  const [segment] = segmentsOf(`${ESC}[38;5;208;48;2;1;2;3mx`, "").segments;
  expect(segment).toMatchObject({ colour: "#ff8700", background: "#010203" });
  expect(segmentsOf(`${ESC}[38;5;999mx`, "").segments).toEqual([{ text: "x", classes: [] }]);
  expect(segmentsOf(`${ESC}[97;7mx`, "").segments[0]?.classes).toEqual([
    "sgr-reverse",
    "bg-brightWhite",
  ]);
});

test("many sequences take no more than their time", () => {
  const began = performance.now();
  const { carried } = segmentsOf(`${ESC}[1m${ESC}[31m`.repeat(100_000), "");
  onlyColours(`${ESC}]`.repeat(200_000));
  onlyColours(`${ESC}[`.repeat(200_000));
  expect(carried).toBe(`${ESC}[1;31m`);
  expect(performance.now() - began).toBeLessThan(3000);
});

test("every byte is kept", () => {
  const kept = new KeptOutput();
  kept.add("stdout", new Uint8Array([255, 0]));
  kept.add("stderr", new Uint8Array([1]));
  kept.add("stdout", new Uint8Array([254]));
  expect([...kept.bytes()]).toEqual([255, 0, 1, 254]);
  expect([...kept.bytes("stdout")]).toEqual([255, 0, 254]);
  expect(kept.size).toBe(4);
});
