/** Access to the parts of the page that are not rendered from signals: components register them here. */
import type { TerminalSize } from "@executor/client";
import type { Location } from "../execution/problems";
import type { Source } from "../output/lines";
import type { TerminalView } from "../terminal/terminal";

export interface OutputArea {
  /** Clears the output and shows it as lines. */
  showLines(): void;
  write(source: Source, bytes: Uint8Array): void;
  /** Moves the focus to the output. */
  focus(): void;
  /** Size of the lines in characters, for programs that ask for the size of their terminal. */
  size(): TerminalSize;
  /**
   * Clears the output, shows a terminal instead of lines, and moves the focus there before it returns: no key that is
   * pressed while the terminal is being loaded is lost.
   */
  showTerminal(): Promise<TerminalView>;
}

let output: OutputArea | null = null;
let showInEditor: (location: Location) => void = () => undefined;

export function registerOutput(area: OutputArea | null): void {
  output = area;
}

export function outputArea(): OutputArea {
  if (!output) throw new Error("the output area is not rendered yet");
  return output;
}

export function registerEditor(show: (location: Location) => void): void {
  showInEditor = show;
}

/** Opens a source location in the editor. */
export function goTo(location: Location): void {
  showInEditor(location);
}
