import { formatDuration } from "../execution/format";
import type { Stage } from "../execution/state";
import { execution, program } from "../workbench/state";

/** Phases of the execution: queue, compilation and run, with the durations of those that have finished. */
export function Phases() {
  const current = execution.value;
  if (!current) return null;
  const { queuePosition, stages, ending } = current.state;
  const tests = current.kind === "tests" ? (program.value?.tests.length ?? 0) : 0;
  return (
    <ol class="phases" aria-label="Phases">
      {queuePosition !== null && (
        <li class="now">
          {queuePosition === 0 ? "Next in the queue" : `Queued, ${queuePosition} ahead`}
        </li>
      )}
      {queuePosition === null && stages.length === 0 && !ending && <li class="now">Starting</li>}
      {stages
        .filter(
          // There may be dozens of tests, so only the last one is shown.
          ({ kind }, index) => tests === 0 || kind === "compile" || index === stages.length - 1,
        )
        .map((stage) => (
          <li key={stage.kind} class={stage.result ? "done" : ending ? "" : "now"}>
            {label(stage, tests)}
            {stage.result && !(tests > 0 && stage.kind === "run") && (
              <small>{formatDuration(stage.result.usage.wall_ms)}</small>
            )}
          </li>
        ))}
    </ol>
  );
}

function label({ kind, run, result }: Stage, tests: number): string {
  if (kind === "compile") return result ? "Compiled" : "Compiling";
  const verb = result ? "Ran" : "Running";
  return tests > 0 ? `${verb} test ${run + 1} of ${tests}` : verb;
}
