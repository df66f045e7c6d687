import { locate, type Location } from "../execution/problems";
import { Lines, type Line, type Source } from "./lines";
import { INVISIBLE, symbolFor } from "./plain-text";
import { segmentsOf, type Segment, type Style } from "./segments";

/** Moves to the first column (CHA, ECMA-48 8.3.9), as Node.js does before it writes a prompt again. */
const FIRST_COLUMN = /\u001b\[1?G/g;
/** Lines that are rendered in one frame: a few milliseconds of work. */
const LINES_PER_FRAME = 400;

export interface ViewOptions {
  /** Names of the program's files: locations in them become links. */
  files: () => string[];
  /** Editor mode of the program's language. */
  mode: () => string;
  goTo: (location: Location) => void;
  /** Called with the number of lines that are no longer shown. */
  onDropped: (dropped: number) => void;
}

/**
 * Renders the last lines of the output, a bounded number per frame. Text becomes text nodes; nothing that a program
 * prints is parsed as HTML.
 */
export class OutputView {
  private lines = new Lines();
  private decoders = newDecoders();
  /** Number of the first line that is rendered, and the elements from there on. */
  private firstRendered = 0;
  private readonly rows: HTMLElement[] = [];
  /** Style at the start of the next line, and of the last one, which may be rendered again. */
  private style = defaultStyles();
  private previousStyle = defaultStyles();
  private frame = 0;
  private following = true;

  constructor(
    private readonly element: HTMLElement,
    private readonly scroller: HTMLElement,
    private readonly options: ViewOptions,
  ) {
    scroller.addEventListener("scroll", () => {
      this.following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 24;
    });
  }

  clear(): void {
    this.lines = new Lines();
    this.style = defaultStyles();
    this.previousStyle = defaultStyles();
    this.decoders = newDecoders();
    this.firstRendered = 0;
    this.rows.length = 0;
    this.element.replaceChildren();
    this.following = true;
    this.options.onDropped(0);
  }

  append(source: Source, bytes: Uint8Array): void {
    const text = this.decoders[source].decode(bytes, { stream: true });
    this.lines.push(source, text.replace(FIRST_COLUMN, "\r"));
    this.schedule();
  }

  private schedule(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.render());
  }

  private render(): void {
    this.frame = 0;
    const { lines } = this;
    this.removeBefore(lines.dropped);
    const end = lines.dropped + lines.recent.length;
    let next = Math.max(
      Math.min(lines.changedFrom, this.firstRendered + this.rows.length),
      lines.dropped,
    );
    const stop = Math.min(end, next + LINES_PER_FRAME);
    const added = document.createDocumentFragment();
    for (; next < stop; next++) {
      const old = this.rows[next - this.firstRendered];
      if (old) this.style = { ...this.previousStyle };
      else this.previousStyle = { ...this.style };
      const row = this.row(lines.recent[next - lines.dropped] as Line);
      if (old) old.replaceWith(row);
      else added.append(row);
      this.rows[next - this.firstRendered] = row;
    }
    this.element.append(added);
    lines.changedFrom = stop < end ? stop : end - 1;
    this.options.onDropped(lines.dropped);
    if (this.following) this.scroller.scrollTop = this.scroller.scrollHeight;
    if (stop < end) this.schedule();
  }

  /** Removes the elements of the lines before `first`. */
  private removeBefore(first: number): void {
    const old = this.rows.splice(0, Math.max(0, first - this.firstRendered));
    for (const row of old) row.remove();
    this.firstRendered = Math.max(first, this.firstRendered);
  }

  private row(line: Line): HTMLElement {
    const row = document.createElement("div");
    row.className = "line";
    const texts: string[] = [];
    const segmentsOfLine = line.spans.flatMap(({ source, text }) => {
      const { segments, style } = segmentsOf(text, this.style[source]);
      this.style[source] = style;
      return segments.map((segment) => {
        texts.push(segment.text);
        return { ...segment, classes: [source, ...segment.classes] };
      });
    });
    const location = locate(texts.join(""), this.options.mode(), this.options.files());
    let at = 0;
    for (const segment of segmentsOfLine) {
      row.append(...this.parts(segment, at, location));
      at += segment.text.length;
    }
    if (line.omitted > 0) {
      row.append(
        element("span", ["omitted"], `… ${line.omitted.toLocaleString("en")} more characters`),
      );
    }
    return row;
  }

  /** Returns the nodes of a segment; the part that belongs to a source location is a link. */
  private parts(
    segment: Segment,
    at: number,
    location: (Location & { start: number; end: number }) | null,
  ): Node[] {
    if (!location) return [styled(segment, segment.text)];
    const from = Math.min(Math.max(location.start - at, 0), segment.text.length);
    const to = Math.min(Math.max(location.end - at, 0), segment.text.length);
    const nodes: Node[] = [];
    if (from > 0) nodes.push(styled(segment, segment.text.slice(0, from)));
    if (to > from) {
      const link = element("a", ["location", ...segment.classes]);
      link.setAttribute("href", "#");
      link.append(styled(segment, segment.text.slice(from, to)));
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.options.goTo(location);
      });
      nodes.push(link);
    }
    if (to < segment.text.length) nodes.push(styled(segment, segment.text.slice(to)));
    return nodes;
  }
}

function styled({ classes, color, background }: Segment, text: string): Node {
  const span = element("span", classes);
  if (color !== undefined) span.style.color = color;
  if (background !== undefined) span.style.backgroundColor = background;
  text.split(INVISIBLE).forEach((part, index) => {
    if (part === "") return;
    span.append(index % 2 === 0 ? part : element("span", ["mark"], symbolFor(part)));
  });
  return span;
}

function element(tag: string, classes: string[], text = ""): HTMLElement {
  const node = document.createElement(tag);
  node.className = classes.join(" ");
  node.textContent = text;
  return node;
}

function defaultStyles(): Record<Source, Style> {
  return { stdout: "", stderr: "" };
}

function newDecoders(): Record<Source, TextDecoder> {
  return { stdout: new TextDecoder(), stderr: new TextDecoder() };
}
