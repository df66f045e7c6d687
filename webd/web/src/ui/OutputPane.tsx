import { computed, effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { OutputView } from "../output/view";
import { captureKeys } from "../terminal/key-capture";
import type { TerminalView } from "../terminal/terminal";
import { downloadOutput } from "../workbench/downloads";
import { goTo } from "../workbench/places";
import { resizeTerminal, sendSignal, type } from "../workbench/running";
import { setScreen } from "../workbench/screen";
import { shownTheme } from "../workbench/settings";
import { busy, language, linesDropped, program, running } from "../workbench/state";
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
    const keys = captureKeys(keyField.current, type);
    const view = new OutputView(log.current, scroller.current, {
      files: () => program.value?.files.map((file) => file.name) ?? [],
      family: () => language.value?.editor.mode ?? "",
      goTo,
      onCapped: (dropped) => (linesDropped.value = dropped),
    });
    let terminal: Promise<TerminalView> | null = null;
    const loadTerminal = () => {
      terminal ??= import("../terminal/terminal")
        .then(({ openTerminal }) => openTerminal(box, { typed: type, resized: resizeTerminal }))
        .catch((error: unknown) => {
          // A later run tries again.
          terminal = null;
          throw error;
        });
      return terminal;
    };
    setScreen({
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
    const stopDressing = effect(() => {
      const theme = shownTheme.value;
      void terminal?.then(
        (opened) => opened.dress(theme),
        () => undefined,
      );
    });
    return () => {
      stopPreloading();
      stopDressing();
      setScreen(null);
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
        {linesDropped.value > 0 && (
          <p class="capped">
            {linesDropped.value.toLocaleString("en")} earlier lines are not shown.{" "}
            <button type="button" class="link" onClick={() => downloadOutput()}>
              Download all of it
            </button>
          </p>
        )}
        {running.value === null && (
          <p class="hint empty">
            Press <kbd>Run</kbd> or <kbd>Ctrl</kbd> <kbd>Enter</kbd>. What the program prints
            appears here as it prints it.
          </p>
        )}
        <div class="log" ref={log} dir="ltr" />
      </div>
      <div class="terminal-box" ref={terminalBox}>
        <textarea
          class="unseen"
          ref={keyField}
          hidden
          aria-label="Terminal input"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
        />
      </div>
      {running.value?.inputOpen && running.value.state.stages.at(-1)?.kind === "run" && (
        <LiveInput />
      )}
      <Summary />
    </>
  );
}

/** As in a terminal, unless there is something to copy. */
function interrupt(event: KeyboardEvent) {
  if (event.key.toLowerCase() !== "c" || !event.ctrlKey || !busy.value) return;
  const selection = getSelection();
  const output = event.currentTarget as Node;
  if (selection && !selection.isCollapsed && output.contains(selection.anchorNode)) return;
  event.preventDefault();
  sendSignal("INT");
}
