import { t } from "../i18n/text";
import type { Editor, EditorEvents } from "./editor";

/** Creates a text field: it needs no loading, and works with touch screens and their keyboards. */
export function plainEditor(parent: HTMLElement, events: EditorEvents): Editor {
  const field = document.createElement("textarea");
  field.className = "plain-editor";
  field.spellcheck = false;
  field.setAttribute("autocapitalize", "off");
  field.setAttribute("autocomplete", "off");
  field.setAttribute("autocorrect", "off");
  field.setAttribute("wrap", "off");
  parent.append(field);
  let name = "";
  let indent = 4;
  /** After Escape the next Tab leaves the field, for keyboard users. */
  let leaving = false;

  field.addEventListener("input", () => events.onChange(name, field.value));
  field.addEventListener("blur", () => (leaving = false));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      events.onRun();
    } else if (event.key === "Tab" && !event.shiftKey && !leaving) {
      event.preventDefault();
      field.setRangeText(" ".repeat(indent), field.selectionStart, field.selectionEnd, "end");
      events.onChange(name, field.value);
    } else {
      leaving = event.key === "Escape" || (leaving && event.key === "Tab");
    }
  });

  return {
    open(files, active, _mode, width) {
      const file = files.find((candidate) => candidate.name === active);
      name = active;
      indent = width;
      field.setAttribute("aria-label", t("editorLabel", { name: active }));
      if (file && file.content !== field.value) field.value = file.content;
    },
    showProblems: () => undefined,
    goTo(line, column) {
      const before = field.value.split("\n").slice(0, line - 1);
      const start = before.reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
      field.focus();
      field.setSelectionRange(start, start);
      const height = parseFloat(getComputedStyle(field).lineHeight);
      field.scrollTop = Math.max(0, (line - 4) * height);
    },
    focus: () => field.focus(),
    setTheme: () => undefined,
    // The style sheet sets the font size.
    configure: ({ wrap }) => field.setAttribute("wrap", wrap ? "soft" : "off"),
    dispose: () => field.remove(),
  };
}
