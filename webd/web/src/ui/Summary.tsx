import type { ErrorCode, Usage } from "@executor/client";
import { formatBytes, formatDuration } from "../execution/format";
import type { ExecutionState } from "../execution/state";
import { verdict, type Verdict } from "../execution/verdict";
import { t } from "../i18n/text";
import { stop } from "../workbench/execution";
import { runProgram } from "../workbench/run-program";
import { runTests } from "../workbench/run-tests";
import { execution, retryCountdown, testResults } from "../workbench/state";
import { Icon } from "./Icon";

/** Result of the execution, its resource usage, and the buttons to run it again. */
export function Summary() {
  const current = execution.value;
  if (!current?.state.ending) return null;
  const runAgain = current.kind === "tests" ? runTests : runProgram;
  const last = current.state.stages.at(-1);
  const tested =
    current.kind === "tests" && current.state.ending.kind === "finished" && last?.kind === "run";
  const { tone, title, detail } = tested ? passedTests() : result(current.state);
  return (
    <div class={`summary ${tone}`}>
      <p class="verdict">
        <Icon name={tone} />
        <strong>{title}</strong>
        {detail !== "" && <span>{detail}</span>}
      </p>
      {last?.result && !tested && (
        <Figures usage={last.result.usage} truncated={last.result.truncated} />
      )}
      {last?.result?.hint !== undefined && <p class="result-hint">{last.result.hint}</p>}
      {retryCountdown.value !== null ? (
        <p class="again">
          {t("retryingIn", { seconds: retryCountdown.value })}{" "}
          <button type="button" class="link" onClick={() => void runAgain()}>
            {t("retryNow")}
          </button>{" "}
          <button type="button" class="link" onClick={stop}>
            {t("cancel")}
          </button>
        </p>
      ) : (
        current.state.ending.kind !== "finished" && (
          <p class="again">
            <button type="button" class="link" onClick={() => void runAgain()}>
              {t("runAgain")}
            </button>
          </p>
        )
      )}
    </div>
  );
}

function passedTests(): Verdict {
  const results = testResults.value.filter((result) => result !== null && result !== "running");
  const passed = results.filter(({ verdict: { tone } }) => tone === "good").length;
  const tone = passed === results.length ? "good" : "bad";
  return { tone, title: t("testsPassed", { passed, count: results.length }), detail: "" };
}

function result({ ending, stages }: ExecutionState): Verdict {
  switch (ending?.kind) {
    case "rejected":
      return { tone: "warning", title: rejection(ending.error.code), detail: ending.error.error };
    case "disconnected":
      return {
        tone: "bad",
        title: t("connectionLost"),
        detail: t("connectionLostDetail"),
      };
    case "unreachable":
      return {
        tone: "bad",
        title: t("serverSilent"),
        detail: t("notRun"),
      };
    case "stopped":
      return { tone: "neutral", title: t("stopped"), detail: "" };
    default: {
      const last = stages.at(-1);
      if (last?.result) return verdict(last.kind, last.result);
      return { tone: "neutral", title: t("stopped"), detail: t("beforeStart") };
    }
  }
}

function rejection(code: ErrorCode): string {
  if (code === "busy" || code === "overloaded") return t("serverBusy");
  if (code === "unavailable" || code === "forbidden") return t("serverUnavailable");
  if (code === "unauthorized") return t("keyRequired");
  if (code === "failed") return t("serverFailed");
  return t("requestRejected");
}

function Figures({ usage, truncated }: { usage: Usage; truncated: boolean }) {
  return (
    <dl class="figures">
      <div>
        <dt>{t("wallClock")}</dt>
        <dd>{formatDuration(usage.wall_ms)}</dd>
      </div>
      <div>
        <dt>{t("cpu")}</dt>
        <dd>{formatDuration(usage.cpu_ms)}</dd>
      </div>
      {usage.memory_bytes > 0 && (
        <div>
          <dt>{t("memory")}</dt>
          <dd>{formatBytes(usage.memory_bytes)}</dd>
        </div>
      )}
      {truncated && <div class="truncated">{t("outputTruncated")}</div>}
    </dl>
  );
}
