import { setSplit, split } from "../workbench/settings";

const STEP = 3;

/** Border between the editor and the result. It can be dragged, or moved with the arrow keys. */
export function Splitter() {
  return (
    <div
      class="splitter"
      role="separator"
      aria-orientation="vertical"
      aria-label="Editor width"
      aria-valuenow={split.value}
      aria-valuemin={24}
      aria-valuemax={78}
      tabIndex={0}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
        const panes = event.currentTarget.parentElement?.getBoundingClientRect();
        if (panes) setSplit(((event.clientX - panes.left) / panes.width) * 100);
      }}
      onKeyDown={(event) => {
        if (event.key === "ArrowLeft") setSplit(split.value - STEP);
        if (event.key === "ArrowRight") setSplit(split.value + STEP);
      }}
    />
  );
}
