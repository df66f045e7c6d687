import type { Problem } from "../run/problems";

/** A file that is open. */
export interface OpenFile {
  name: string;
  content: string;
}

export type EditorTheme = "light" | "dark" | "contrast";

export interface EditorEvents {
  changed: (name: string, content: string) => void;
  run: () => void;
}

/** Where programs are written: a plain text field at first and on small screens, Monaco otherwise. */
export interface Editor {
  /** All files of the program; what is open is kept if it has not changed. */
  open(files: OpenFile[], active: string, mode: string, indent: number): void;
  mark(problems: Problem[]): void;
  goTo(line: number, column: number): void;
  focus(): void;
  dress(theme: EditorTheme): void;
  dispose(): void;
}
