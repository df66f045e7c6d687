import { formatBytes, formatDuration } from "../execution/format";
import { language } from "../workbench/state";

/** Limits of a run. */
export function Footer() {
  const limits = language.value?.limits;
  return (
    <footer class="foot">
      {limits && (
        <span>
          Limits per run: {formatDuration(limits.cpu_ms)} CPU time, {formatDuration(limits.wall_ms)}{" "}
          wall-clock time, {formatBytes(limits.memory_bytes)} memory.
        </span>
      )}
    </footer>
  );
}
