import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import { outputFile, viewOf } from "../../src/files/output-file";
import { MAX_COLUMNS, MAX_ROWS, parseTable } from "../../src/files/table";
import { zip } from "../../src/files/zip";

function viewKind(name: string, bytes: Uint8Array | string, truncated = false): string {
  const content = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  return viewOf({ name, size: content.length, bytes: content, truncated }).kind;
}

const BINARY = new Uint8Array([0x89, 0x50, 0xff, 0]);

test("a file is shown by its extension and its content", () => {
  expect(viewKind("plots/a.PNG", BINARY)).toBe("image");
  expect(viewKind("a.svg", "<svg/>")).toBe("image");
  expect(viewKind("a.csv", "a,b")).toBe("table");
  expect(viewKind("a.html", "<h1>")).toBe("page");
  expect(viewKind("notes", "text")).toBe("text");
  expect(viewKind("a.bin", BINARY)).toBe("none");
  expect(viewKind("a.csv", BINARY)).toBe("none");
  expect(viewKind("nul.txt", "a\0b")).toBe("none");
  // A part of a picture is no picture; a part of a text is one, even if a character is cut.
  expect(viewKind("a.png", BINARY, true)).toBe("none");
  expect(viewKind("a.txt", new Uint8Array([0x61, 0xc3]), true)).toBe("text");
});

test("the content of an event is text or base64", () => {
  const event = {
    type: "output_file",
    stage: "run",
    run: 0,
    name: "a",
    size: 2,
    truncated: false,
  } as const;
  expect(outputFile({ ...event, content_base64: "aGk=" }).bytes).toEqual(
    new Uint8Array([104, 105]),
  );
  expect(outputFile({ ...event, content: "hi" }).bytes).toEqual(new Uint8Array([104, 105]));
});

test("values are separated and quoted as in RFC 4180", () => {
  expect(parseTable('a,"b ""c"", d"\r\n1,2\n', ",")).toEqual({
    rows: [
      ["a", 'b "c", d'],
      ["1", "2"],
    ],
    cut: false,
  });
  expect(parseTable('"two\nlines",x', ",").rows).toEqual([["two\nlines", "x"]]);
  expect(parseTable("a\tb", "\t").rows).toEqual([["a", "b"]]);
  expect(parseTable("", ",").rows).toEqual([]);
  expect(parseTable("a,,", ",").rows).toEqual([["a", "", ""]]);
});

test("long tables are cut", () => {
  const long = parseTable("1,2\n".repeat(MAX_ROWS + 1), ",");
  expect([long.rows.length, long.cut]).toEqual([MAX_ROWS, true]);
  expect(parseTable("1\n".repeat(MAX_ROWS), ",").cut).toBe(false);
  const wide = parseTable("x,".repeat(MAX_COLUMNS + 5), ",");
  expect([wide.rows[0]?.length, wide.cut]).toEqual([MAX_COLUMNS, true]);
});

test("an archive contains all files", () => {
  const archive = unzipSync(
    zip([
      { name: "main.py", content: "print('ü')" },
      { name: "plots/a.png", content: BINARY },
    ]),
  );
  expect(Object.keys(archive)).toEqual(["main.py", "plots/a.png"]);
  expect(new TextDecoder().decode(archive["main.py"])).toBe("print('ü')");
  expect(archive["plots/a.png"]).toEqual(BINARY);
});
