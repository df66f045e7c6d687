import type { StageFinishedEvent } from "@executor/client";
import { t } from "../i18n/text";
import { verdict, type Verdict } from "./verdict";

/** Returns the server's verdict on a run that has an expected output. */
export function testVerdict(result: StageFinishedEvent): Verdict {
  if (result.verdict === "accepted") return { tone: "good", title: t("passed"), detail: "" };
  if (result.status === "ok")
    return { tone: "bad", title: t("wrongOutput"), detail: firstDifference(result) };
  const failed = verdict("run", result);
  return failed.tone === "good" ? { ...failed, tone: "bad" } : failed;
}

/** Describes where the output differs from the expected output first. */
function firstDifference({ difference }: StageFinishedEvent): string {
  if (!difference) return "";
  const { line, column, expected, actual } = difference;
  if (actual === null) return t("outputEnds", { line, column, expected: expected ?? "" });
  if (expected === null) return t("outputContinues", { line, column, actual });
  return t("outputDiffers", { line, column, expected, actual });
}
