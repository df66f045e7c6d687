/**
 * Keyboard input while the terminal is being loaded: a text field that has the focus in place of the terminal and
 * translates keys to the bytes that the terminal would send.
 */

/** Keys that type no text, and their sequences in a terminal of type xterm. */
const KEYS = new Map(
  Object.entries({
    Enter: "\r",
    Backspace: "\x7f",
    Tab: "\t",
    Escape: "\x1b",
    ArrowUp: "\x1b[A",
    ArrowDown: "\x1b[B",
    ArrowRight: "\x1b[C",
    ArrowLeft: "\x1b[D",
    Home: "\x1b[H",
    End: "\x1b[F",
    Delete: "\x1b[3~",
  }),
);

export type Key = Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "shiftKey">;

/** Returns what a key sends, or null if the key is left to the text field and the page. */
export function keySequence({ key, ctrlKey, altKey, metaKey, shiftKey }: Key): string | null {
  if (altKey || metaKey) return null;
  if (ctrlKey) return shiftKey ? null : controlCharacter(key);
  // Shift+Escape stops the program, and Shift+Tab leaves the terminal.
  return shiftKey && (key === "Escape" || key === "Tab") ? null : (KEYS.get(key) ?? null);
}

/** Ctrl and a letter: U+0001 to U+001A. */
function controlCharacter(key: string): string | null {
  return /^[a-z]$/i.test(key) ? String.fromCharCode(key.toUpperCase().charCodeAt(0) - 64) : null;
}

export interface KeyCapture {
  /** Moves the focus to the text field. */
  start(): void;
  /** Passes the focus on, if the text field still has it. A composition is finished first. */
  handOver(focusTerminal: () => void): void;
}

export function captureKeys(
  field: HTMLTextAreaElement,
  onData: (data: string) => void,
): KeyCapture {
  let handOver: (() => void) | null = null;
  let composing = false;

  /** Text that was typed, pasted or composed. */
  const flush = () => {
    const text = field.value;
    field.value = "";
    if (text !== "") onData(text.replace(/\r?\n/g, "\r"));
  };
  const finish = () => {
    if (!handOver || composing) return;
    flush();
    const focusTerminal = handOver;
    handOver = null;
    if (document.activeElement === field) focusTerminal();
    field.hidden = true;
  };

  field.addEventListener("keydown", (event) => {
    // Keys of an input method are not for the program.
    if (event.isComposing) return;
    const sequence = keySequence(event);
    if (sequence === null) return;
    event.preventDefault();
    event.stopPropagation();
    flush();
    onData(sequence);
  });
  field.addEventListener("input", () => {
    if (!composing) flush();
  });
  field.addEventListener("compositionstart", () => (composing = true));
  field.addEventListener("compositionend", () => {
    composing = false;
    flush();
    finish();
  });
  field.addEventListener("blur", () => {
    composing = false;
    finish();
  });

  return {
    start() {
      handOver = null;
      field.value = "";
      field.hidden = false;
      field.focus();
    },
    handOver(focusTerminal) {
      handOver = focusTerminal;
      finish();
    },
  };
}
