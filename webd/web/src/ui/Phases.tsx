import { time } from "../run/quantity";
import type { Stage } from "../run/state";
import { running } from "../workbench/state";

/** Waiting, compiling, running: where it is now, and how long the ones before took. */
export function Phases() {
  const now = running.value;
  if (!now) return null;
  const { position, stages, ending } = now.state;
  return (
    <ol class="phases" aria-label="Phases">
      {position !== null && (
        <li class="now">
          {position === 0 ? "Next in the queue" : `Queued, ${position} before this one`}
        </li>
      )}
      {position === null && stages.length === 0 && !ending && <li class="now">Starting</li>}
      {stages.map((stage, index) => (
        <li key={index} class={stage.result ? "done" : ending ? "" : "now"}>
          {name(stage, now.what === "cases")}
          {stage.result && <small>{time(stage.result.usage.wall_ms)}</small>}
        </li>
      ))}
    </ol>
  );
}

function name({ kind, run, result }: Stage, numbered: boolean): string {
  if (kind === "compile") return result ? "Compiled" : "Compiling";
  const word = result ? "Ran" : "Running";
  return numbered ? `${word} ${run + 1}` : word;
}
