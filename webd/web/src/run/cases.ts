import type { StageResult } from "../api/types";
import type { Case } from "../program/program";
import { verdict, type Tone } from "./verdict";

export interface CaseVerdict {
  tone: Tone;
  words: string;
  detail: string;
}

/** Whether a run did what was expected of it. Blanks at the ends of lines and at the end do not count. */
export function judge(one: Case, result: StageResult, printed: string): CaseVerdict {
  if (result.status !== "ok") {
    const { tone, title, detail } = verdict("run", result);
    return { tone: tone === "good" ? "bad" : tone, words: title, detail };
  }
  return same(one.expected, printed)
    ? { tone: "good", words: "Passed", detail: "" }
    : { tone: "bad", words: "Wrong output", detail: "" };
}

export function same(expected: string, printed: string): boolean {
  return trimmed(expected) === trimmed(printed);
}

function trimmed(text: string): string {
  const lines = text.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines.join("\n");
}
