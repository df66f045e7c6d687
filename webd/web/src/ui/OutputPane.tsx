import { computed, effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { formatNumber, t } from "../i18n/text";
import { OutputView } from "../output/view";
import { captureKeys } from "../terminal/key-capture";
import type { TerminalSize } from "@executor/client";
import type { TerminalView } from "../terminal/terminal";
import { downloadOutput } from "../workbench/downloads";
import { goTo, registerOutput } from "../workbench/layout";
import { resizeTerminal, sendInput, sendSignal } from "../workbench/run-program";
import { effectiveTheme } from "../workbench/settings";
import { busy, droppedLines, execution, language, program } from "../workbench/state";
import { LiveInput } from "./LiveInput";
import { OutputFiles } from "./OutputFiles";
import { Phases } from "./Phases";
import { Summary } from "./Summary";
import { useVisibility } from "./visibility";

const terminalWanted = computed(() => program.value?.terminal ?? false);

export function OutputPane() {
  const terminalShown = useSignal(false);
  const scroller = useVisibility<HTMLDivElement>(() => !terminalShown.value);
  const terminalBox = useVisibility<HTMLDivElement>(() => terminalShown.value);
  const log = useRef<HTMLDivElement>(null);
  const keyField = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    if (!log.current || !scroller.current || !terminalBox.current || !keyField.current) return;
    const box = terminalBox.current;
    const scrollBox = scroller.current;
    const keys = captureKeys(keyField.current, sendInput);
    const view = new OutputView(log.current, scroller.current, {
      files: () => program.value?.files.map((file) => file.name) ?? [],
      mode: () => language.value?.editor.mode ?? "",
      goTo,
      onDropped: (dropped) => (droppedLines.value = dropped),
    });
    let terminal: Promise<TerminalView> | null = null;
    const loadTerminal = () => {
      terminal ??= import("../terminal/terminal")
        .then(({ openTerminal }) =>
          openTerminal(box, { onData: sendInput, onResize: resizeTerminal }),
        )
        .catch((error: unknown) => {
          // The next run tries again.
          terminal = null;
          throw error;
        });
      return terminal;
    };
    registerOutput({
      showLines() {
        view.clear();
        terminalShown.value = false;
      },
      write: (source, data) => view.append(source, data),
      focus: () => (terminalShown.value ? box : scrollBox).focus(),
      size: () => sizeInCharacters(scrollBox),
      async showTerminal() {
        view.clear();
        // The terminal takes the size of its box, which must be visible to be measured.
        terminalShown.value = true;
        keys.start();
        const opened = await loadTerminal();
        opened.reset();
        keys.handOver(() => opened.focus());
        return opened;
      },
    });
    const stopPreloading = effect(() => {
      if (terminalWanted.value) void import("../terminal/terminal").catch(() => undefined);
    });
    const stopTheming = effect(() => {
      const theme = effectiveTheme.value;
      void terminal?.then(
        (opened) => opened.setTheme(theme),
        () => undefined,
      );
    });
    return () => {
      stopPreloading();
      stopTheming();
      registerOutput(null);
    };
  }, []);

  return (
    <>
      <Phases />
      <div
        class="output"
        ref={scroller}
        role="region"
        aria-label={t("output")}
        tabIndex={0}
        onKeyDown={interrupt}
      >
        {droppedLines.value > 0 && (
          <p class="dropped">
            {t("droppedLines", { count: formatNumber(droppedLines.value) })}{" "}
            <button type="button" class="link" onClick={() => downloadOutput()}>
              {t("downloadAllOutput")}
            </button>
          </p>
        )}
        {execution.value === null && <p class="hint empty">{t("emptyOutput")}</p>}
        <div class="log" ref={log} dir="ltr" />
      </div>
      <div class="terminal-box" ref={terminalBox} tabIndex={-1}>
        <textarea
          class="visually-hidden"
          ref={keyField}
          hidden
          aria-label={t("terminalInput")}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
        />
      </div>
      {execution.value?.inputOpen && <LiveInput />}
      <OutputFiles />
      <Summary />
    </>
  );
}

/** Bounds for the size that a program receives: a narrow screen would break its lines at odd places. */
const COLUMNS = { least: 40, most: 200 };
const LEAST_ROWS = 10;
/** Characters that are measured together, because the width of one may be a fraction of a pixel. */
const MEASURED = 40;

/** Returns how many characters fit into the output. */
function sizeInCharacters(scroller: HTMLElement): TerminalSize {
  const probe = document.createElement("div");
  probe.className = "log line probe";
  probe.textContent = "0".repeat(MEASURED);
  scroller.append(probe);
  const { width, height } = probe.getBoundingClientRect();
  probe.remove();
  const style = getComputedStyle(scroller);
  const room =
    scroller.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const columns = Math.floor((room * MEASURED) / Math.max(1, width));
  const rows = Math.floor(scroller.clientHeight / Math.max(1, height));
  return {
    columns: Math.min(COLUMNS.most, Math.max(COLUMNS.least, columns)),
    rows: Math.max(LEAST_ROWS, rows),
  };
}

/** Ctrl+C interrupts the program as in a terminal, unless text is selected for copying. */
function interrupt(event: KeyboardEvent) {
  if (event.key.toLowerCase() !== "c" || !event.ctrlKey || !busy.value) return;
  const selection = getSelection();
  const output = event.currentTarget as Node;
  if (selection && !selection.isCollapsed && output.contains(selection.anchorNode)) return;
  event.preventDefault();
  sendSignal("INT");
}
