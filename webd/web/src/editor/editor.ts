import type { Problem } from "../execution/problems";

export interface OpenFile {
  name: string;
  content: string;
}

export type EditorTheme = "light" | "dark" | "contrast";

export interface EditorSettings {
  /** In CSS pixels. */
  fontSize: number;
  /** Breaks long lines instead of scrolling. */
  wrap: boolean;
  /** Suggests words while the user types. */
  completion: boolean;
  /** Vim keys; in Monaco only. */
  vim: boolean;
}

export interface EditorEvents {
  onChange: (name: string, content: string) => void;
  onRun: () => void;
}

/** Code editor: a plain text field on small screens and until Monaco is loaded, Monaco otherwise. */
export interface Editor {
  /** Shows the files of a program. Files whose content is unchanged keep their editing state. */
  open(files: OpenFile[], active: string, mode: string, indent: number): void;
  showProblems(problems: Problem[]): void;
  goTo(line: number, column: number): void;
  focus(): void;
  setTheme(theme: EditorTheme): void;
  configure(settings: EditorSettings): void;
  dispose(): void;
}
