import { locate, type Location } from "../run/problems";
import { Lines, type Line, type Source } from "./lines";
import { segmentsOf, type Carried, type Segment } from "./segments";
import { MARKS, signOf } from "./visible";

/** Lines made in one frame: a few milliseconds' work. */
const LINES_A_FRAME = 400;

export interface ViewOptions {
  /** The files whose places can be gone to. */
  files: () => string[];
  family: () => string;
  goTo: (location: Location) => void;
  /** Told when what is shown is not all there is. */
  onCapped: (dropped: number) => void;
}

/**
 * The output as elements: the last lines of it, a bounded number a frame. Text becomes text nodes; nothing that a
 * program prints is ever parsed as HTML.
 */
export class OutputView {
  private lines = new Lines();
  private decoders = freshDecoders();
  /** The number of the first line that is an element, and the elements from there on. */
  private firstShown = 0;
  private readonly rows: HTMLElement[] = [];
  /** The look with which the next line begins, and the last one began: that one may be made again. */
  private carried = noLook();
  private carriedBefore = noLook();
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
    this.carried = noLook();
    this.carriedBefore = noLook();
    this.decoders = freshDecoders();
    this.firstShown = 0;
    this.rows.length = 0;
    this.element.replaceChildren();
    this.following = true;
    this.options.onCapped(0);
  }

  append(stream: Source, bytes: Uint8Array): void {
    this.lines.push(stream, this.decoders[stream].decode(bytes, { stream: true }));
    this.schedule();
  }

  private schedule(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.render());
  }

  private render(): void {
    this.frame = 0;
    const { lines } = this;
    this.forget(lines.dropped);
    const end = lines.dropped + lines.kept.length;
    let next = Math.max(
      Math.min(lines.changedFrom, this.firstShown + this.rows.length),
      lines.dropped,
    );
    const stop = Math.min(end, next + LINES_A_FRAME);
    const made = document.createDocumentFragment();
    for (; next < stop; next++) {
      const old = this.rows[next - this.firstShown];
      if (old) this.carried = { ...this.carriedBefore };
      else this.carriedBefore = { ...this.carried };
      const row = this.row(lines.kept[next - lines.dropped] as Line);
      if (old) old.replaceWith(row);
      else made.append(row);
      this.rows[next - this.firstShown] = row;
    }
    this.element.append(made);
    lines.changedFrom = stop < end ? stop : end - 1;
    this.options.onCapped(lines.dropped);
    if (this.following) this.scroller.scrollTop = this.scroller.scrollHeight;
    if (stop < end) this.schedule();
  }

  /** Remove the elements of lines before this one. */
  private forget(first: number): void {
    const old = this.rows.splice(0, Math.max(0, first - this.firstShown));
    for (const row of old) row.remove();
    this.firstShown = Math.max(first, this.firstShown);
  }

  private row(line: Line): HTMLElement {
    const row = document.createElement("div");
    row.className = "line";
    const plain: string[] = [];
    const looks = line.pieces.flatMap(({ stream, text }) => {
      const { segments, carried } = segmentsOf(text, this.carried[stream]);
      this.carried[stream] = carried;
      return segments.map((segment) => {
        plain.push(segment.text);
        return { ...segment, classes: [stream, ...segment.classes] };
      });
    });
    const place = locate(plain.join(""), this.options.family(), this.options.files());
    let at = 0;
    for (const segment of looks) {
      row.append(...this.parts(segment, at, place));
      at += segment.text.length;
    }
    if (line.omitted > 0) {
      row.append(
        element("span", ["omitted"], `… ${line.omitted.toLocaleString("en")} more characters`),
      );
    }
    return row;
  }

  /** A segment, divided where a place in a file begins and ends. */
  private parts(
    segment: Segment,
    at: number,
    place: (Location & { start: number; end: number }) | null,
  ): Node[] {
    if (!place) return [styled(segment, segment.text)];
    const from = Math.min(Math.max(place.start - at, 0), segment.text.length);
    const to = Math.min(Math.max(place.end - at, 0), segment.text.length);
    const nodes: Node[] = [];
    if (from > 0) nodes.push(styled(segment, segment.text.slice(0, from)));
    if (to > from) {
      const link = element("a", ["location", ...segment.classes]);
      link.setAttribute("href", "#");
      link.append(styled(segment, segment.text.slice(from, to)));
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.options.goTo(place);
      });
      nodes.push(link);
    }
    if (to < segment.text.length) nodes.push(styled(segment, segment.text.slice(to)));
    return nodes;
  }
}

function styled({ classes, colour, background }: Segment, text: string): Node {
  const span = element("span", classes);
  if (colour !== undefined) span.style.color = colour;
  if (background !== undefined) span.style.backgroundColor = background;
  text.split(MARKS).forEach((part, index) => {
    if (part === "") return;
    span.append(index % 2 === 0 ? part : element("span", ["mark"], signOf(part)));
  });
  return span;
}

function element(tag: string, classes: string[], text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = classes.join(" ");
  made.textContent = text;
  return made;
}

function noLook(): Record<Source, Carried> {
  return { stdout: "", stderr: "", typed: "" };
}

function freshDecoders(): Record<Source, TextDecoder> {
  return { stdout: new TextDecoder(), stderr: new TextDecoder(), typed: new TextDecoder() };
}
