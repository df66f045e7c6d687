/**
 * Keeps the height of what the user sees in the style sheet as `--visible-height`, and that of the keyboard as `--keyboard`.
 * Browsers do not count the keyboard of a phone in any unit of CSS.
 */
export function trackVisibleHeight(): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const update = () => {
    // A page that was zoomed in shows a part of the screen, which is no reason to lay it out again.
    if (viewport.scale > 1.01) return;
    const { style } = document.documentElement;
    const keyboard = Math.max(0, window.innerHeight - viewport.height);
    style.setProperty("--visible-height", `${Math.round(viewport.height)}px`);
    style.setProperty("--keyboard", `${Math.round(keyboard)}px`);
    const { activeElement } = document;
    if (activeElement instanceof HTMLInputElement && activeElement.closest(".live-input"))
      activeElement.closest(".result")?.scrollIntoView();
  };
  viewport.addEventListener("resize", update);
  update();
}
