import { FitAddon } from "@xterm/addon-fit";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { TerminalSize } from "@executor/client";
import type { EditorTheme } from "../editor/editor";

/** Minimum contrast ratio (WCAG) between the colors of a program and the background. */
const CONTRAST: Record<EditorTheme, number> = { light: 4.5, dark: 4.5, contrast: 7 };

export interface TerminalEvents {
  onData: (data: string) => void;
  onResize: (size: TerminalSize) => void;
}

/** Terminal that is reused from run to run. */
export interface TerminalView {
  readonly size: TerminalSize;
  write(bytes: Uint8Array): void;
  reset(): void;
  focus(): void;
  setTheme(theme: EditorTheme): void;
}

export function openTerminal(parent: HTMLElement, events: TerminalEvents): TerminalView {
  const terminal = new Terminal({
    fontFamily: getComputedStyle(parent).getPropertyValue("--mono"),
    fontSize: 13.5,
    lineHeight: 1.25,
    scrollback: 5000,
    // For the widths of grapheme clusters (UAX #29), such as emoji of several code points.
    allowProposedApi: true,
    screenReaderMode: false,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    theme: themeOf(parent),
    minimumContrastRatio: CONTRAST.light,
    // Hyperlinks in program output are untrusted and do nothing.
    linkHandler: { activate: () => undefined },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.open(parent);
  fit.fit();
  terminal.onData(events.onData);
  terminal.onResize(({ cols, rows }) => events.onResize({ columns: cols, rows }));
  new ResizeObserver(() => fit.fit()).observe(parent);
  // Shift+Escape leaves the terminal: Tab and Escape are sent to the program.
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
    setTheme(theme) {
      terminal.options.theme = themeOf(parent);
      terminal.options.minimumContrastRatio = CONTRAST[theme];
    },
  };
}

/** Returns the colors of the page's style sheet. */
function themeOf(element: HTMLElement): ITheme {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    background: color("paper"),
    foreground: color("ink"),
    cursor: color("accent"),
    cursorAccent: color("paper"),
    selectionBackground: color("selection"),
    black: color("ansi-black"),
    red: color("ansi-red"),
    green: color("ansi-green"),
    yellow: color("ansi-yellow"),
    blue: color("ansi-blue"),
    magenta: color("ansi-magenta"),
    cyan: color("ansi-cyan"),
    white: color("ansi-white"),
    brightBlack: color("ansi-brightBlack"),
    brightRed: color("ansi-brightRed"),
    brightGreen: color("ansi-brightGreen"),
    brightYellow: color("ansi-brightYellow"),
    brightBlue: color("ansi-brightBlue"),
    brightMagenta: color("ansi-brightMagenta"),
    brightCyan: color("ansi-brightCyan"),
    brightWhite: color("ansi-brightWhite"),
  };
}
