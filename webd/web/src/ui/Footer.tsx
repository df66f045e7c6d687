import { formatBytes, formatDuration } from "../execution/format";
import { t } from "../i18n/text";
import { language } from "../workbench/state";

/** Limits of a run. */
export function Footer() {
  const limits = language.value?.limits;
  return (
    <footer class="foot">
      {limits && (
        <span>
          {t("footer", {
            cpu: formatDuration(limits.cpu_ms),
            wall: formatDuration(limits.wall_ms),
            memory: formatBytes(limits.memory_bytes),
          })}
        </span>
      )}
    </footer>
  );
}
