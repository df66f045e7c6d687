import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Editor } from "../editor/editor";
import { plainEditor } from "../editor/plain";
import { changeFile } from "../workbench/editing";
import { runProgram } from "../workbench/running";
import { shownTheme } from "../workbench/settings";
import { activeFile, language, problems, program } from "../workbench/state";
import { setGoTo } from "../workbench/places";

/** Monaco does not support touch screens, and needs room. */
const ROOMY = "(min-width: 700px) and (pointer: fine)";
const EVENTS = { changed: changeFile, run: () => void runProgram() };

/** A text field at once; Monaco in its place as soon as it is there. */
export function EditorPane() {
  const pane = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = pane.current;
    if (!parent) return;
    const editor = signal<Editor>(plainEditor(parent, EVENTS));
    const stopShowing = effect(() => show(editor.value));
    const stopMarking = effect(() => editor.value.mark(problems.value));
    const stopDressing = effect(() => editor.value.dress(shownTheme.value));
    setGoTo(({ file, line, column }) => {
      activeFile.value = file;
      editor.value.goTo(line, column);
    });
    void loadMonaco(parent, editor);
    return () => {
      stopShowing();
      stopMarking();
      stopDressing();
      editor.value.dispose();
    };
  }, []);
  return <div class="editor" ref={pane} />;
}

function show(editor: Editor): void {
  const now = program.value;
  if (!now) return;
  const { mode, indent } = language.value?.editor ?? { mode: "plaintext", indent: 4 };
  editor.open(now.files, activeFile.value, mode, indent);
}

async function loadMonaco(parent: HTMLElement, editor: { value: Editor }): Promise<void> {
  if (!matchMedia(ROOMY).matches) return;
  const { monacoEditor } = await import("../editor/monaco");
  const focused = parent.contains(document.activeElement);
  editor.value.dispose();
  editor.value = monacoEditor(parent, EVENTS);
  if (focused) editor.value.focus();
}
