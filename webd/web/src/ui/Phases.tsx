import { time } from "../run/quantity";
import type { Stage } from "../run/state";
import { program, running } from "../workbench/state";

/** Waiting, compiling, running: where it is now, and how long the ones before took. */
export function Phases() {
  const now = running.value;
  if (!now) return null;
  const { position, stages, ending } = now.state;
  const cases = now.what === "cases" ? (program.value?.cases.length ?? 0) : 0;
  return (
    <ol class="phases" aria-label="Phases">
      {position !== null && (
        <li class="now">
          {position === 0 ? "Next in the queue" : `Queued, ${position} before this one`}
        </li>
      )}
      {position === null && stages.length === 0 && !ending && <li class="now">Starting</li>}
      {stages
        .filter(
          ({ kind }, index) => cases === 0 || kind === "compile" || index === stages.length - 1,
        )
        .map((stage) => (
          <li key={stage.kind} class={stage.result ? "done" : ending ? "" : "now"}>
            {name(stage, cases)}
            {stage.result && !(cases > 0 && stage.kind === "run") && (
              <small>{time(stage.result.usage.wall_ms)}</small>
            )}
          </li>
        ))}
    </ol>
  );
}

/** Of several cases only the last is named: there may be dozens. */
function name({ kind, run, result }: Stage, cases: number): string {
  if (kind === "compile") return result ? "Compiled" : "Compiling";
  const word = result ? "Ran" : "Running";
  return cases > 0 ? `${word} ${run + 1} of ${cases}` : word;
}
