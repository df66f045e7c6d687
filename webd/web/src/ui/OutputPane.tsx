import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { OutputView } from "../output/view";
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

export function OutputPane() {
  const scroller = useRef<HTMLDivElement>(null);
  const log = useRef<HTMLDivElement>(null);
  const terminalBox = useRef<HTMLDivElement>(null);
  const [terminalShown, showTerminal] = useState(false);

  useEffect(() => {
    if (!log.current || !scroller.current || !terminalBox.current) return;
    const box = terminalBox.current;
    const view = new OutputView(log.current, scroller.current, {
      files: () => program.value?.files.map((file) => file.name) ?? [],
      family: () => language.value?.editor.mode ?? "",
      goTo,
      onCapped: (dropped) => (linesDropped.value = dropped),
    });
    let terminal: Promise<TerminalView> | null = null;
    setScreen({
      clear() {
        view.clear();
        showTerminal(false);
      },
      write: (source, data) => view.append(source, data),
      async openTerminal() {
        showTerminal(true);
        // Its size is that of its box, which must be there to be measured.
        box.hidden = false;
        terminal ??= import("../terminal/terminal").then(({ openTerminal }) =>
          openTerminal(box, { typed: type, resized: resizeTerminal }),
        );
        const opened = await terminal;
        opened.reset();
        return opened;
      },
    });
    const stopDressing = effect(() => {
      const theme = shownTheme.value;
      void terminal?.then((opened) => opened.dress(theme));
    });
    return () => {
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
        hidden={terminalShown}
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
      <div class="terminal-box" ref={terminalBox} hidden={!terminalShown} />
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
