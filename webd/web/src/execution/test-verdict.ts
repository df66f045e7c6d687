import type { StageResult } from "@executor/client";
import { t } from "../i18n/text";
import type { Test } from "../program/program";
import { verdict, type Verdict } from "./verdict";

/** Returns whether a run passed its test: it must succeed and print the expected output. */
export function testVerdict(test: Test, result: StageResult, output: string): Verdict {
  if (result.status !== "ok") {
    const failed = verdict("run", result);
    return failed.tone === "good" ? { ...failed, tone: "bad" } : failed;
  }
  return isExpected(test.expected, output)
    ? { tone: "good", title: t("passed"), detail: "" }
    : { tone: "bad", title: t("wrongOutput"), detail: "" };
}

/** Compares outputs. Trailing blanks of lines and trailing empty lines are ignored. */
export function isExpected(expected: string, output: string): boolean {
  return withoutTrailingBlanks(expected) === withoutTrailingBlanks(output);
}

function withoutTrailingBlanks(text: string): string {
  const lines = text.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines.join("\n");
}
