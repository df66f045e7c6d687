import type { Editor, EditorEvents } from "./editor";

/** A text field: there at once, and right for touch screens and their keyboards. */
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
  /** Escape lets the next Tab leave the field, for those who have no mouse. */
  let leaving = false;

  field.addEventListener("input", () => events.changed(name, field.value));
  field.addEventListener("blur", () => (leaving = false));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      events.run();
    } else if (event.key === "Tab" && !event.shiftKey && !leaving) {
      event.preventDefault();
      field.setRangeText(" ".repeat(indent), field.selectionStart, field.selectionEnd, "end");
      events.changed(name, field.value);
    } else {
      leaving = event.key === "Escape" || (leaving && event.key === "Tab");
    }
  });

  return {
    open(files, active, _mode, width) {
      const file = files.find((one) => one.name === active);
      name = active;
      indent = width;
      field.setAttribute("aria-label", `Code of ${active}. Escape, then Tab leaves the field.`);
      if (file && file.content !== field.value) field.value = file.content;
    },
    mark: () => undefined,
    goTo(line, column) {
      const before = field.value.split("\n").slice(0, line - 1);
      const start = before.reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
      field.focus();
      field.setSelectionRange(start, start);
      const height = parseFloat(getComputedStyle(field).lineHeight);
      field.scrollTop = Math.max(0, (line - 4) * height);
    },
    focus: () => field.focus(),
    dress: () => undefined,
    dispose: () => field.remove(),
  };
}
