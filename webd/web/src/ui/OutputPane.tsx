import { computed, effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { OutputView } from "../output/view";
import { captureKeys } from "../terminal/key-capture";
import type { TerminalView } from "../terminal/terminal";
import { downloadOutput } from "../workbench/downloads";
import { goTo, registerOutput } from "../workbench/layout";
import { resizeTerminal, sendInput, sendSignal } from "../workbench/run-program";
import { effectiveTheme } from "../workbench/settings";
import { busy, droppedLines, execution, language, program } from "../workbench/state";
import { LiveInput } from "./LiveInput";
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
        aria-label="Output"
        tabIndex={0}
        onKeyDown={interrupt}
      >
        {droppedLines.value > 0 && (
          <p class="dropped">
            {droppedLines.value.toLocaleString("en")} earlier lines are not shown.{" "}
            <button type="button" class="link" onClick={() => downloadOutput()}>
              Download all output
            </button>
          </p>
        )}
        {execution.value === null && (
          <p class="hint empty">
            Press <kbd>Run</kbd> or <kbd>Ctrl</kbd> <kbd>Enter</kbd>. The output appears here while
            the program runs.
          </p>
        )}
        <div class="log" ref={log} dir="ltr" />
      </div>
      <div class="terminal-box" ref={terminalBox}>
        <textarea
          class="visually-hidden"
          ref={keyField}
          hidden
          aria-label="Terminal input"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
        />
      </div>
      {execution.value?.inputOpen && execution.value.state.stages.at(-1)?.kind === "run" && (
        <LiveInput />
      )}
      <Summary />
    </>
  );
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
