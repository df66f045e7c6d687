import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n/text";
import { outputArea } from "../workbench/layout";
import { endInput, sendLine, sendSignal } from "../workbench/run-program";
import { execution } from "../workbench/state";

/** Devices whose on-screen keyboard covers half of the page: it opens when the program waits, and not before. */
const TOUCH = "(pointer: coarse)";

/**
 * Sends lines of input to the running program. It has the focus from the start, so that what is typed right after Run reaches
 * the program; it is shown when the program waits, or when it has run for a moment.
 *
 * The focus moves in layout effects: whoever sees that the program waits can type, although the page has not been painted.
 */
export function LiveInput() {
  const form = useRef<HTMLFormElement>(null);
  const field = useRef<HTMLInputElement>(null);
  /** Whether the user answered, or was asked. */
  const interactive = useRef(false);
  const waiting = execution.value?.state.waiting ?? false;

  useLayoutEffect(() => {
    const before = document.activeElement;
    if (field.current) {
      // A hardware keyboard works regardless.
      if (matchMedia(TOUCH).matches) field.current.inputMode = "none";
      field.current.focus({ preventScroll: true });
    }
    return () => {
      if (form.current?.contains(document.activeElement))
        focusAfterRun(interactive.current ? null : before);
    };
  }, []);

  useLayoutEffect(() => {
    if (!waiting || !field.current) return;
    interactive.current = true;
    // The focus does not move while the user edits the program.
    const { activeElement } = document;
    const isFree = activeElement === document.body || activeElement?.closest(".result") !== null;
    if (!isFree) return;
    if (showKeyboard(field.current) || !form.current?.contains(activeElement))
      field.current.focus();
    form.current?.scrollIntoView({ block: "nearest" });
  }, [waiting]);

  return (
    <form
      ref={form}
      class={waiting ? "live-input waiting" : "live-input"}
      onSubmit={(event) => {
        event.preventDefault();
        if (!field.current) return;
        interactive.current = true;
        sendLine(field.current.value);
        field.current.value = "";
        field.current.focus();
      }}
    >
      <input
        ref={field}
        aria-label={t("inputLine")}
        placeholder={t("typeInput")}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        enterkeyhint="send"
        onPointerDown={(event) => showKeyboard(event.currentTarget)}
        onKeyDown={(event) => {
          if (!event.ctrlKey || event.currentTarget.value !== "") return;
          if (event.key.toLowerCase() === "d") {
            event.preventDefault();
            endInput();
          }
          if (event.key.toLowerCase() === "c") sendSignal("INT");
        }}
      />
      <button type="submit">{t("send")}</button>
      <button type="button" class="quiet" title={t("endOfInputHint")} onClick={endInput}>
        {t("endOfInput")}
      </button>
    </form>
  );
}

/**
 * Lets the on-screen keyboard open at the next focus. Returns whether it was kept closed; then the field has lost the focus,
 * because a browser opens the keyboard only for a field that receives it.
 */
function showKeyboard(field: HTMLInputElement): boolean {
  if (field.inputMode !== "none") return false;
  field.inputMode = "text";
  field.blur();
  return true;
}

/** Moves the focus to where the user was, or to the output: a key that comes too late must not start the program again. */
function focusAfterRun(before: Element | null): void {
  if (before instanceof HTMLElement && before !== document.body && before.isConnected)
    before.focus();
  else outputArea().focus();
}
