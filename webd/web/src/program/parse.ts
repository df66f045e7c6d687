import { COMPARES, type OptionValue, type Program } from "./program";

/** Validates a program from a link or from browser storage. Returns null if the value is not a program. */
export function parseProgram(value: unknown): Program | null {
  if (!isRecord(value) || typeof value["language"] !== "string") return null;
  const files = list(value["files"], (file) =>
    typeof file["name"] === "string" && typeof file["content"] === "string"
      ? {
          name: file["name"],
          content: file["content"],
          ...(file["encoding"] === "base64" && { encoding: "base64" as const }),
        }
      : null,
  );
  // Links and drafts of earlier versions call the tests `cases`.
  const tests = list(value["tests"] ?? value["cases"] ?? [], (test) =>
    typeof test["stdin"] === "string" && typeof test["expected"] === "string"
      ? { stdin: test["stdin"], expected: test["expected"] }
      : null,
  );
  if (files === null || files.length === 0 || tests === null) return null;
  return {
    language: value["language"],
    version: text(value["version"]),
    packages: text(value["packages"]),
    files,
    tests,
    args: text(value["args"]),
    stdin: text(value["stdin"]),
    terminal: value["terminal"] === true,
    options: options(value["options"]),
    compare: COMPARES.find((name) => name === value["compare"]) ?? "lines",
  };
}

function options(value: unknown): Record<string, OptionValue> {
  if (!isRecord(value)) return {};
  const valid = Object.entries(value).filter((entry): entry is [string, OptionValue] => {
    const [, item] = entry;
    const isSet = Array.isArray(item) && item.every((name) => typeof name === "string");
    return isSet || typeof item === "boolean" || typeof item === "string";
  });
  return Object.fromEntries(valid);
}

function list<T>(value: unknown, parse: (item: Record<string, unknown>) => T | null): T[] | null {
  if (!Array.isArray(value)) return null;
  const items = value.map((item: unknown) => (isRecord(item) ? parse(item) : null));
  return items.every((item) => item !== null) ? items : null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
