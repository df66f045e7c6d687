/**
 * Program output is shown only as text and colors. Color sequences (SGR, ECMA-48 8.3.117) are kept for the library that
 * parses them, and all other escape sequences are removed. Other characters that are invisible, or that change the
 * order of text, are replaced by visible symbols.
 */
const SEQUENCES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)?|[ -/]+[0-~]|[0-Z\\^-~])/g;
const COLOR = /^\u001b\[[\d;]*m$/;
const COLORS = /\u001b\[[\d;]*m/g;
const LONE_ESCAPE = /\u001b(?!\[[\d;]*m)/g;

/** Removes all escape sequences but colors. */
export function keepOnlyColors(text: string): string {
  if (!text.includes("\u001b")) return text;
  // A lone escape character is made visible: together with later text it could form a sequence.
  return text
    .replace(SEQUENCES, (sequence) => (COLOR.test(sequence) ? sequence : ""))
    .replace(LONE_ESCAPE, "␛");
}

/**
 * Letters of scripts that need joiners (U+200C and U+200D), such as Arabic for Persian and Devanagari for Hindi, and the parts of
 * emoji that a joiner connects. Between other characters a joiner only hides something.
 */
const JOINED =
  "\\p{scx=Arab}\\p{scx=Syrc}\\p{scx=Deva}\\p{scx=Beng}\\p{scx=Guru}\\p{scx=Gujr}\\p{scx=Orya}\\p{scx=Taml}\\p{scx=Telu}\\p{scx=Knda}" +
  "\\p{scx=Mlym}\\p{scx=Sinh}\\p{scx=Khmr}\\p{scx=Mymr}\\p{scx=Mong}\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f";
const JOINERS = "\\u200c\\u200d";
/** Characters that are invisible or change the order of text. Splitting at them leaves text that is safe to show. */
export const INVISIBLE = new RegExp(
  `([\\u0000-\\u0008\\u000b-\\u001a\\u001c-\\u001f\\u007f-\\u009f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e` +
    `\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb]|(?<![${JOINED}])[${JOINERS}]|[${JOINERS}](?![${JOINED}]))`,
  "u",
);

/** Returns a visible symbol for an invisible character. */
export function symbolFor(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Characters of a text that `toPlainText` returns at most. */
const MAX_LENGTH = 20_000;

/** Returns output as plain text: without colors, cut to a bounded length, with symbols for invisible characters. */
export function toPlainText(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}\n…` : text;
  return keepOnlyColors(short.replaceAll("\r\n", "\n"))
    .replace(COLORS, "")
    .split(INVISIBLE)
    .map((part, index) => (index % 2 === 0 ? part : symbolFor(part)))
    .join("");
}
