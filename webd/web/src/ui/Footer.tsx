import { bytes, time } from "../run/quantity";
import { language } from "../workbench/state";

/** What a run may use, and where else to look. */
export function Footer() {
  const limits = language.value?.limits;
  return (
    <footer class="foot">
      {limits && (
        <span>
          A run may use {time(limits.cpu_ms)} of processor, {time(limits.wall_ms)} on the clock,{" "}
          {bytes(limits.memory_bytes)} of memory.
        </span>
      )}
    </footer>
  );
}
