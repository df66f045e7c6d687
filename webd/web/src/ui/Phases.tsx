import { formatDuration } from "../execution/format";
import type { Stage } from "../execution/state";
import { t } from "../i18n/text";
import { execution, program } from "../workbench/state";

/** Phases of the execution: queue, compilation and run, with the durations of those that have finished. */
export function Phases() {
  const current = execution.value;
  if (!current) return null;
  const { queuePosition, stages, ending } = current.state;
  const tests = current.kind === "tests" ? (program.value?.tests.length ?? 0) : 0;
  return (
    <ol class="phases" aria-label={t("phases")}>
      {queuePosition !== null && (
        <li class="now">
          {queuePosition === 0 ? t("queueNext") : t("queued", { count: queuePosition })}
        </li>
      )}
      {queuePosition === null && stages.length === 0 && !ending && (
        <li class="now">{t("starting")}</li>
      )}
      {stages
        .filter(
          // There may be dozens of tests, so only the last one is shown.
          ({ kind }, index) => tests === 0 || kind === "compile" || index === stages.length - 1,
        )
        .map((stage) => (
          <li key={stage.kind} class={stage.result ? "done" : ending ? "" : "now"}>
            {current.state.waiting && !stage.result ? t("waiting") : label(stage, tests)}
            {stage.result && !(tests > 0 && stage.kind === "run") && (
              <small>{formatDuration(stage.result.usage.wall_ms)}</small>
            )}
          </li>
        ))}
    </ol>
  );
}

function label({ kind, run, result }: Stage, tests: number): string {
  if (kind === "compile") return t(result ? "compiled" : "compiling");
  if (tests === 0) return t(result ? "ran" : "running");
  return t(result ? "ranTest" : "runningTest", { number: run + 1, count: tests });
}
