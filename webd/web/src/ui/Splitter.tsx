import { t } from "../i18n/text";
import { layout, setSplit, split } from "../workbench/settings";

const STEP = 3;

/** Border between the editor and the result. It can be dragged, or moved with the arrow keys. */
export function Splitter() {
  const rows = layout.value === "rows";
  return (
    <div
      class="splitter"
      role="separator"
      aria-orientation={rows ? "horizontal" : "vertical"}
      aria-label={t("editorWidth")}
      aria-valuenow={split.value}
      aria-valuemin={24}
      aria-valuemax={78}
      tabIndex={0}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
        const panes = event.currentTarget.parentElement?.getBoundingClientRect();
        if (!panes) return;
        const part = rows
          ? (event.clientY - panes.top) / panes.height
          : (event.clientX - panes.left) / panes.width;
        setSplit(part * 100);
      }}
      onKeyDown={(event) => {
        if (event.key === (rows ? "ArrowUp" : "ArrowLeft")) setSplit(split.value - STEP);
        if (event.key === (rows ? "ArrowDown" : "ArrowRight")) setSplit(split.value + STEP);
      }}
    />
  );
}
