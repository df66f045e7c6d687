import {
  createAnsiSequenceParser,
  createColorPalette,
  decorations as decorationNames,
  namedColors,
  type Color,
  type ParseToken,
} from "ansi-sequence-parser";
import { keepOnlyColors } from "./plain-text";

/** Text of one style. */
export interface Segment {
  text: string;
  classes: string[];
  /** CSS colors other than the sixteen that the theme defines. */
  color?: string;
  background?: string;
}

/** Style at the end of a text, as the escape sequence that sets it. The next text starts with this style. */
export type Style = string;

const palette = createColorPalette();
/** Appended to a text to find out in which style it ends. */
const END = "\n";

export function segmentsOf(text: string, style: Style): { segments: Segment[]; style: Style } {
  const tokens = createAnsiSequenceParser().parse(style + keepOnlyColors(text) + END);
  const last = tokens.at(-1) as ParseToken;
  last.value = last.value.slice(0, -END.length);
  return {
    segments: tokens.filter((token) => token.value !== "").map(segment),
    style: sequenceFor(last),
  };
}

function segment({ value, foreground, background, decorations }: ParseToken): Segment {
  const result: Segment = { text: value, classes: [...decorations].map((name) => `sgr-${name}`) };
  const reversed = decorations.has("reverse");
  paint(reversed ? background : foreground, "fg", result);
  paint(reversed ? foreground : background, "bg", result);
  return result;
}

function paint(color: Color | null, ground: "fg" | "bg", segment: Segment): void {
  if (color === null) return;
  if (color.type === "named") {
    segment.classes.push(`${ground}-${color.name}`);
    return;
  }
  if (color.type === "table" && !isTableIndex(color.index)) return;
  const css = palette.value(color);
  if (ground === "fg") segment.color = css;
  else segment.background = css;
}

function isTableIndex(index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < 256;
}

function sequenceFor({ foreground, background, decorations }: ParseToken): Style {
  const codes = Object.entries(decorationNames)
    .filter(([, name]) => decorations.has(name))
    .map(([code]) => code);
  if (decorations.has("overline")) codes.push("53");
  if (foreground) codes.push(codeOf(foreground, 30, 90, 38));
  if (background) codes.push(codeOf(background, 40, 100, 48));
  return codes.length === 0 ? "" : `\u001b[${codes.join(";")}m`;
}

function codeOf(color: Color, normal: number, bright: number, extended: number): string {
  if (color.type === "rgb") return [extended, 2, ...color.rgb].join(";");
  if (color.type === "table") return [extended, 5, color.index].join(";");
  const index = namedColors.indexOf(color.name);
  return String(index < 8 ? normal + index : bright + index - 8);
}
