/** Where output goes: the component that shows it says how to reach it. */
import type { Source } from "../output/lines";
import type { TerminalView } from "../terminal/terminal";

export interface Screen {
  /** Clears the output and shows it as lines. */
  showLines(): void;
  write(source: Source, bytes: Uint8Array): void;
  /**
   * Clears the output, shows a terminal instead of lines, and moves the focus there before it returns: no key that is
   * pressed while the terminal is being loaded is lost.
   */
  showTerminal(): Promise<TerminalView>;
}

let screen: Screen | null = null;

export function setScreen(next: Screen | null): void {
  screen = next;
}

export function theScreen(): Screen {
  if (!screen) throw new Error("nothing shows output yet");
  return screen;
}
