import { KeyCode, KeyMod, MarkerSeverity, Range, Uri, editor } from "monaco-editor/editor";
import EditorWorker from "monaco-editor/editor/editor.worker?worker";
import { t } from "../i18n/text";
import type { Problem } from "../execution/problems";
import { provideCompletions } from "./completion";
import type { Editor, EditorEvents, OpenFile } from "./editor";
import "./features";
import "./languages";
import { MONACO_THEMES, defineThemes } from "./themes";

const OWNER = "executor";
/** Height of a line as a multiple of the font size. */
const LINE_HEIGHT = 1.55;

self.MonacoEnvironment = { getWorker: () => new EditorWorker() };
defineThemes();
provideCompletions();

/** Creates a Monaco editor without language services. */
export function monacoEditor(parent: HTMLElement, events: EditorEvents): Editor {
  const box = append(parent, "monaco-box");
  const status = append(parent, "vim-status");
  const widget = editor.create(box, {
    model: null,
    automaticLayout: true,
    fontFamily: getComputedStyle(parent).getPropertyValue("--mono"),
    fontLigatures: false,
    padding: { top: 14, bottom: 14 },
    minimap: { enabled: false },
    scrollBeyondLastLine: false,
    smoothScrolling: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    overviewRulerBorder: false,
    hideCursorInOverviewRuler: true,
    lineNumbersMinChars: 3,
    lineDecorationsWidth: 12,
    renderLineHighlightOnlyWhenFocus: true,
    fixedOverflowWidgets: true,
    stickyScroll: { enabled: false },
    quickSuggestions: false,
    suggestOnTriggerCharacters: false,
    // Suggestions come from `completion.ts`, without a worker.
    wordBasedSuggestions: "off",
    suggest: { showIcons: false, showStatusBar: false },
    acceptSuggestionOnEnter: "off",
    tabFocusMode: false,
    renderFinalNewline: "on",
    folding: false,
    // Makes bidirectional overrides and hidden characters visible.
    renderControlCharacters: true,
    // Its widget offers other ways to paste, of which there are none for text.
    pasteAs: { enabled: false },
    // Each of these would start the worker for all programs.
    links: false,
    colorDecorators: false,
    defaultColorDecorators: "never",
    scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, useShadows: false },
  });
  widget.addCommand(KeyMod.CtrlCmd | KeyCode.Enter, events.onRun);
  leaveWithEscape(widget);
  const vimKeys = new VimKeys(widget, status);
  const models = new Map<string, editor.ITextModel>();

  function modelOf({ name, content }: OpenFile, mode: string): editor.ITextModel {
    const existing = models.get(name);
    if (existing) return existing;
    const model = editor.createModel(
      content,
      mode,
      Uri.from({ scheme: "program", path: `/${name}` }),
    );
    model.onDidChangeContent(() => events.onChange(name, model.getValue()));
    models.set(name, model);
    return model;
  }

  function close(name: string): void {
    models.get(name)?.dispose();
    models.delete(name);
  }

  return {
    open(files, active, mode, indent) {
      for (const name of [...models.keys()]) {
        if (!files.some((file) => file.name === name)) close(name);
      }
      for (const file of files) {
        const model = modelOf(file, mode);
        if (model.getValue() !== file.content) replaceContent(model, file.content);
        if (model.getLanguageId() !== mode) editor.setModelLanguage(model, mode);
        model.updateOptions({ tabSize: indent, insertSpaces: mode !== "go" });
      }
      const model = models.get(active) ?? null;
      if (widget.getModel() !== model) widget.setModel(model);
      widget.updateOptions({
        ariaLabel: t("editorLabel", { name: active }),
      });
    },
    showProblems(problems) {
      for (const [name, model] of models) {
        const fileProblems = problems.filter((problem) => problem.file === name);
        editor.setModelMarkers(
          model,
          OWNER,
          fileProblems.map((problem) => marker(model, problem)),
        );
      }
    },
    goTo(line, column) {
      widget.setPosition({ lineNumber: line, column });
      widget.revealLineInCenterIfOutsideViewport(line);
      widget.focus();
    },
    focus: () => widget.focus(),
    setTheme: (theme) => editor.setTheme(MONACO_THEMES[theme]),
    configure({ fontSize, wrap, completion, vim }) {
      vimKeys.use(vim);
      widget.updateOptions({
        fontSize,
        lineHeight: Math.round(fontSize * LINE_HEIGHT),
        wordWrap: wrap ? "on" : "off",
        quickSuggestions: completion && { other: true, comments: false, strings: false },
      });
    },
    dispose() {
      vimKeys.use(false);
      widget.dispose();
      box.remove();
      status.remove();
      for (const name of [...models.keys()]) close(name);
    },
  };
}

function append(parent: HTMLElement, name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  parent.append(element);
  return element;
}

/** Replaces the text between the first and the last change, as one step that can be undone. */
function replaceContent(model: editor.ITextModel, content: string): void {
  const old = model.getValue();
  const shorter = Math.min(old.length, content.length);
  let start = 0;
  while (start < shorter && old[start] === content[start]) start++;
  let end = 0;
  while (end < shorter - start && old.at(-1 - end) === content.at(-1 - end)) end++;
  const range = Range.fromPositions(
    model.getPositionAt(start),
    model.getPositionAt(old.length - end),
  );
  const text = content.slice(start, content.length - end);
  model.pushStackElement();
  model.pushEditOperations([], [{ range, text }], () => null);
  model.pushStackElement();
}

/** Vim keys, which are loaded when they are used first. */
class VimKeys {
  private wanted = false;
  private remove: (() => void) | null = null;

  constructor(
    private readonly widget: editor.IStandaloneCodeEditor,
    private readonly status: HTMLElement,
  ) {}

  use(wanted: boolean): void {
    this.wanted = wanted;
    if (!wanted) {
      this.remove?.();
      this.remove = null;
    } else if (!this.remove) {
      void import("./vim").then(({ addVimKeys }) => {
        if (this.wanted) this.remove ??= addVimKeys(this.widget, this.status);
      });
    }
  }
}

/** Returns a marker for the word at the location, or for the whole line if there is none. */
function marker(model: editor.ITextModel, problem: Problem): editor.IMarkerData {
  const line = Math.min(problem.line, model.getLineCount());
  const word = model.getWordAtPosition({ lineNumber: line, column: problem.column });
  const wholeLine = {
    startColumn: model.getLineFirstNonWhitespaceColumn(line) || 1,
    endColumn: model.getLineMaxColumn(line),
  };
  const columns =
    word && problem.column > 1
      ? { startColumn: word.startColumn, endColumn: word.endColumn }
      : wholeLine;
  return {
    ...columns,
    startLineNumber: line,
    endLineNumber: line,
    message: problem.message,
    severity: problem.severity === "error" ? MarkerSeverity.Error : MarkerSeverity.Warning,
  };
}

/** Makes Tab leave the editor after Escape, for keyboard users. Otherwise Tab indents. */
function leaveWithEscape(widget: editor.IStandaloneCodeEditor): void {
  const tabLeaves = (leaves: boolean) => widget.updateOptions({ tabFocusMode: leaves });
  widget.onKeyDown((event) => {
    if (event.keyCode === KeyCode.Escape) tabLeaves(true);
    else if (event.keyCode !== KeyCode.Tab && event.keyCode !== KeyCode.Shift) tabLeaves(false);
  });
  widget.onDidBlurEditorWidget(() => tabLeaves(false));
}
