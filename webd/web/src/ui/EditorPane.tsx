import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Editor } from "../editor/editor";
import { plainEditor } from "../editor/plain";
import { formatBytes } from "../execution/format";
import { t } from "../i18n/text";
import { byteLength } from "../program/upload";
import { changeFile } from "../workbench/editing";
import { EMBEDDED } from "../workbench/embedded";
import { registerEditor } from "../workbench/layout";
import { runProgram } from "../workbench/run-program";
import { editorSettings, effectiveTheme } from "../workbench/settings";
import { activeFile, language, problems, program } from "../workbench/state";

/** Screens for Monaco: it does not support touch screens and needs space. */
const LARGE_SCREEN = EMBEDDED ? "(pointer: fine)" : "(min-width: 700px) and (pointer: fine)";
const EVENTS = { onChange: changeFile, onRun: () => void runProgram() };

/** Shows a text field immediately, and replaces it with Monaco when that is loaded. */
export function EditorPane() {
  const pane = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = pane.current;
    if (!parent) return;
    const editor = signal<Editor>(plainEditor(parent, EVENTS));
    const stopShowing = effect(() => show(editor.value));
    const stopMarking = effect(() => editor.value.showProblems(problems.value));
    const stopTheming = effect(() => editor.value.setTheme(effectiveTheme.value));
    const stopConfiguring = effect(() => editor.value.configure(editorSettings.value));
    registerEditor(({ file, line, column }) => {
      activeFile.value = file;
      editor.value.goTo(line, column);
    });
    void loadMonaco(parent, editor);
    return () => {
      stopShowing();
      stopMarking();
      stopTheming();
      stopConfiguring();
      editor.value.dispose();
    };
  }, []);
  return (
    <div class="editor">
      <div class="editor-box" ref={pane} />
      <BinaryFile />
    </div>
  );
}

/** Covers the editor while the open file is not text. */
function BinaryFile() {
  const file = program.value?.files.find(({ name }) => name === activeFile.value);
  if (!file?.encoding) return null;
  return (
    <p class="binary-file">
      {t("notText", { name: file.name, size: formatBytes(byteLength(file)) })}
    </p>
  );
}

function show(editor: Editor): void {
  const current = program.value;
  if (!current) return;
  const { mode, indent } = language.value?.editor ?? { mode: "plaintext", indent: 4 };
  const files = current.files.map(({ name, content, encoding }) => ({
    name,
    content: encoding ? "" : content,
  }));
  editor.open(files, activeFile.value, mode, indent);
}

async function loadMonaco(parent: HTMLElement, editor: { value: Editor }): Promise<void> {
  if (!matchMedia(LARGE_SCREEN).matches) return;
  // While the server is down, the text field stays.
  const monaco = await import("../editor/monaco").catch(() => null);
  if (!monaco) return;
  const focused = parent.contains(document.activeElement);
  editor.value.dispose();
  editor.value = monaco.monacoEditor(parent, EVENTS);
  if (focused) editor.value.focus();
}
