import type { Stream } from "../api/types";

/** Where shown text comes from: the program, or whoever types for it. */
export type Source = Stream | "typed";

/** Text of one source within a line. */
export interface Piece {
  stream: Source;
  text: string;
}

export interface Line {
  pieces: Piece[];
  /** Characters that were printed in this line but are not kept for the view. */
  omitted: number;
}

/** Lines that the view keeps. All bytes are kept elsewhere, for download. */
export const MAX_LINES = 2000;
/** Characters of a line that the view keeps: some hundred screens' widths make no line readable. */
export const MAX_LINE = 4000;

/**
 * The last lines of an output that may be endless. Carriage returns overwrite a line, as progress bars expect.
 */
export class Lines {
  readonly kept: Line[] = [emptyLine()];
  /** How many lines came before the first that is kept. */
  dropped = 0;
  /** Numbers of lines that changed since the view last looked: from here on, counted from the very first. */
  changedFrom = 0;
  private overwrite = false;
  private heldReturn: Source | null = null;

  get total(): number {
    const last = this.kept.at(-1);
    return this.dropped + this.kept.length - (last && isEmpty(last) ? 1 : 0);
  }

  push(stream: Source, text: string): void {
    let rest = this.heldReturn === stream ? `\r${text}` : text;
    this.heldReturn = null;
    // Whether a return overwrites shows only in the character after it.
    if (rest.endsWith("\r")) {
      this.heldReturn = stream;
      rest = rest.slice(0, -1);
    }
    const lines = rest.split("\n");
    lines.forEach((line, index) => {
      const complete = index < lines.length - 1;
      this.extend(stream, complete && line.endsWith("\r") ? line.slice(0, -1) : line);
      if (complete) this.next();
    });
  }

  private extend(stream: Source, text: string): void {
    const parts = text.split("\r");
    parts.forEach((part, index) => {
      if (index > 0) this.overwrite = true;
      if (part === "") return;
      if (this.overwrite) this.kept[this.kept.length - 1] = emptyLine();
      this.overwrite = false;
      this.append(stream, part);
    });
  }

  private append(stream: Source, text: string): void {
    const line = this.kept.at(-1) as Line;
    this.changedFrom = Math.min(this.changedFrom, this.dropped + this.kept.length - 1);
    const length = line.pieces.reduce((sum, piece) => sum + piece.text.length, 0);
    const fits = text.slice(0, Math.max(0, MAX_LINE - length));
    line.omitted += text.length - fits.length;
    if (fits === "") return;
    const last = line.pieces.at(-1);
    if (last?.stream === stream) last.text += fits;
    else line.pieces.push({ stream, text: fits });
  }

  private next(): void {
    this.overwrite = false;
    this.changedFrom = Math.min(this.changedFrom, this.dropped + this.kept.length - 1);
    this.kept.push(emptyLine());
    if (this.kept.length > MAX_LINES) {
      this.kept.shift();
      this.dropped++;
    }
  }
}

function emptyLine(): Line {
  return { pieces: [], omitted: 0 };
}

function isEmpty(line: Line): boolean {
  return line.pieces.length === 0;
}
