/** Where output goes: the component that shows it says how to reach it. */
import type { Source } from "../output/lines";
import type { TerminalView } from "../terminal/terminal";

export interface Screen {
  clear(): void;
  write(source: Source, bytes: Uint8Array): void;
  /** Show a terminal instead of lines. */
  openTerminal(): Promise<TerminalView>;
}

let screen: Screen | null = null;

export function setScreen(next: Screen | null): void {
  screen = next;
}

export function theScreen(): Screen {
  if (!screen) throw new Error("nothing shows output yet");
  return screen;
}
