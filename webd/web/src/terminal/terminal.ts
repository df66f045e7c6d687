import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { TerminalSize } from "../api/types";
import type { EditorTheme } from "../editor/editor";

/** How much the colours that programs choose must differ from the paper. */
const CONTRAST: Record<EditorTheme, number> = { light: 4.5, dark: 4.5, contrast: 7 };

export interface TerminalEvents {
  typed: (data: string) => void;
  resized: (size: TerminalSize) => void;
}

/** A terminal for one program after the other. */
export interface TerminalView {
  readonly size: TerminalSize;
  write(bytes: Uint8Array): void;
  reset(): void;
  focus(): void;
  dress(theme: EditorTheme): void;
}

export function openTerminal(parent: HTMLElement, events: TerminalEvents): TerminalView {
  const terminal = new Terminal({
    fontFamily: getComputedStyle(parent).getPropertyValue("--mono"),
    fontSize: 13.5,
    lineHeight: 1.25,
    scrollback: 5000,
    screenReaderMode: false,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    theme: themeOf(parent),
    minimumContrastRatio: CONTRAST.light,
    // Links in what a program prints lead nowhere.
    linkHandler: { activate: () => undefined },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(parent);
  fit.fit();
  terminal.onData(events.typed);
  terminal.onResize(({ cols, rows }) => events.resized({ columns: cols, rows }));
  new ResizeObserver(() => fit.fit()).observe(parent);
  // Shift+Escape leaves the terminal, where Tab and Escape belong to the program.
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.key !== "Escape" || !event.shiftKey) return true;
    if (event.type === "keydown") terminal.blur();
    return false;
  });

  return {
    get size() {
      return { columns: terminal.cols, rows: terminal.rows };
    },
    write: (bytes) => terminal.write(bytes),
    reset: () => terminal.reset(),
    focus: () => terminal.focus(),
    dress(theme) {
      terminal.options.theme = themeOf(parent);
      terminal.options.minimumContrastRatio = CONTRAST[theme];
    },
  };
}

/** The page's colours, as its style sheet has them. */
function themeOf(element: HTMLElement): ITheme {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    background: colour("paper"),
    foreground: colour("ink"),
    cursor: colour("accent"),
    cursorAccent: colour("paper"),
    selectionBackground: colour("selection"),
    black: colour("ansi-black"),
    red: colour("ansi-red"),
    green: colour("ansi-green"),
    yellow: colour("ansi-yellow"),
    blue: colour("ansi-blue"),
    magenta: colour("ansi-magenta"),
    cyan: colour("ansi-cyan"),
    white: colour("ansi-white"),
    brightBlack: colour("ansi-brightBlack"),
    brightRed: colour("ansi-brightRed"),
    brightGreen: colour("ansi-brightGreen"),
    brightYellow: colour("ansi-brightYellow"),
    brightBlue: colour("ansi-brightBlue"),
    brightMagenta: colour("ansi-brightMagenta"),
    brightCyan: colour("ansi-brightCyan"),
    brightWhite: colour("ansi-brightWhite"),
  };
}
