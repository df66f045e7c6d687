import {
  createAnsiSequenceParser,
  createColorPalette,
  decorations as decorationNames,
  namedColors,
  type Color,
  type ParseToken,
} from "ansi-sequence-parser";
import { onlyColours } from "./visible";

/** Text of one look. */
export interface Segment {
  text: string;
  classes: string[];
  /** Colours beyond the sixteen that the theme defines. */
  colour?: string;
  background?: string;
}

/** The look at the end of a text, as the sequence that would bring it about: what the next text begins with. */
export type Carried = string;

const palette = createColorPalette();
/** Stands behind a text to learn which look it ends with. */
const END = "\n";

export function segmentsOf(
  text: string,
  carried: Carried,
): { segments: Segment[]; carried: Carried } {
  const tokens = createAnsiSequenceParser().parse(carried + onlyColours(text) + END);
  const last = tokens.at(-1) as ParseToken;
  last.value = last.value.slice(0, -END.length);
  return {
    segments: tokens.filter((token) => token.value !== "").map(segment),
    carried: sequenceFor(last),
  };
}

function segment({ value, foreground, background, decorations }: ParseToken): Segment {
  const made: Segment = { text: value, classes: [...decorations].map((name) => `sgr-${name}`) };
  const reversed = decorations.has("reverse");
  paint(reversed ? background : foreground, "fg", made);
  paint(reversed ? foreground : background, "bg", made);
  return made;
}

function paint(colour: Color | null, ground: "fg" | "bg", segment: Segment): void {
  if (colour === null) return;
  if (colour.type === "named") {
    segment.classes.push(`${ground}-${colour.name}`);
    return;
  }
  if (colour.type === "table" && !inTable(colour.index)) return;
  const css = palette.value(colour);
  if (ground === "fg") segment.colour = css;
  else segment.background = css;
}

function inTable(index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < 256;
}

function sequenceFor({ foreground, background, decorations }: ParseToken): Carried {
  const codes = Object.entries(decorationNames)
    .filter(([, name]) => decorations.has(name))
    .map(([code]) => code);
  if (decorations.has("overline")) codes.push("53");
  if (foreground) codes.push(codeOf(foreground, 30, 90, 38));
  if (background) codes.push(codeOf(background, 40, 100, 48));
  return codes.length === 0 ? "" : `\u001b[${codes.join(";")}m`;
}

function codeOf(colour: Color, normal: number, bright: number, extended: number): string {
  if (colour.type === "rgb") return [extended, 2, ...colour.rgb].join(";");
  if (colour.type === "table") return [extended, 5, colour.index].join(";");
  const index = namedColors.indexOf(colour.name);
  return String(index < 8 ? normal + index : bright + index - 8);
}
