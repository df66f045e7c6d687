import type { Program } from "./program";

/** A program from outside, a link or this browser's storage: what is not one is null. */
export function checkProgram(value: unknown): Program | null {
  if (!isRecord(value) || typeof value["language"] !== "string") return null;
  const files = list(value["files"], (file) =>
    typeof file["name"] === "string" && typeof file["content"] === "string"
      ? { name: file["name"], content: file["content"] }
      : null,
  );
  const cases = list(value["cases"] ?? [], (one) =>
    typeof one["stdin"] === "string" && typeof one["expected"] === "string"
      ? { stdin: one["stdin"], expected: one["expected"] }
      : null,
  );
  if (files === null || files.length === 0 || cases === null) return null;
  return {
    language: value["language"],
    files,
    cases,
    args: text(value["args"]),
    stdin: text(value["stdin"]),
    terminal: value["terminal"] === true,
  };
}

function list<T>(value: unknown, read: (item: Record<string, unknown>) => T | null): T[] | null {
  if (!Array.isArray(value)) return null;
  const items = value.map((item: unknown) => (isRecord(item) ? read(item) : null));
  return items.every((item) => item !== null) ? items : null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
