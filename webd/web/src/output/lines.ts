import type { Stream } from "@executor/client";

/** Origin of text in the output. */
export type Source = Stream;

/** Part of a line that comes from one source. */
export interface Span {
  source: Source;
  text: string;
}

export interface Line {
  spans: Span[];
  /** Number of characters of this line that the view does not show. */
  omitted: number;
}

/** Lines that the view shows. The output buffer keeps all bytes for download. */
export const MAX_LINES = 2000;
/** Characters of a line that the view shows: longer lines are not readable. */
export const MAX_LINE_LENGTH = 4000;

/** The last lines of an output of any length. Carriage returns overwrite a line, as progress bars expect. */
export class Lines {
  readonly recent: Line[] = [emptyLine()];
  /** Number of lines before the first recent one. */
  dropped = 0;
  /** First line that changed since the view was last rendered, counted from the start of the output. */
  changedFrom = 0;
  private overwrite = false;
  /** Source of a carriage return whose next character has not arrived yet. */
  private pendingReturn: Source | null = null;

  push(source: Source, text: string): void {
    let pending = this.pendingReturn === source ? `\r${text}` : text;
    this.pendingReturn = null;
    // The next character decides whether a carriage return overwrites the line or is part of a line break.
    if (pending.endsWith("\r")) {
      this.pendingReturn = source;
      pending = pending.slice(0, -1);
    }
    const lines = pending.split("\n");
    lines.forEach((line, index) => {
      const complete = index < lines.length - 1;
      this.extend(source, complete && line.endsWith("\r") ? line.slice(0, -1) : line);
      if (complete) this.next();
    });
  }

  private extend(source: Source, text: string): void {
    const parts = text.split("\r");
    parts.forEach((part, index) => {
      if (index > 0) this.overwrite = true;
      if (part === "") return;
      if (this.overwrite) this.recent[this.recent.length - 1] = emptyLine();
      this.overwrite = false;
      this.append(source, part);
    });
  }

  private append(source: Source, text: string): void {
    const line = this.recent.at(-1) as Line;
    this.changedFrom = Math.min(this.changedFrom, this.dropped + this.recent.length - 1);
    const length = line.spans.reduce((sum, span) => sum + span.text.length, 0);
    const fits = text.slice(0, Math.max(0, MAX_LINE_LENGTH - length));
    line.omitted += text.length - fits.length;
    if (fits === "") return;
    const last = line.spans.at(-1);
    if (last?.source === source) last.text += fits;
    else line.spans.push({ source, text: fits });
  }

  private next(): void {
    this.overwrite = false;
    this.changedFrom = Math.min(this.changedFrom, this.dropped + this.recent.length - 1);
    this.recent.push(emptyLine());
    if (this.recent.length > MAX_LINES) {
      this.recent.shift();
      this.dropped++;
    }
  }
}

function emptyLine(): Line {
  return { spans: [], omitted: 0 };
}
