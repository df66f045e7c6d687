/**
 * What a program prints is shown as text and colours, and as nothing else. Colour sequences (SGR) stay for the library
 * that parses them; all others are taken out; what else does not show itself, or changes the order in which text
 * shows, is made visible.
 */
const SEQUENCES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)?|[ -/]+[0-~]|[0-Z\\^-~])/g;
const COLOUR = /^\u001b\[[\d;]*m$/;

/** Without any escape sequence but colours. */
export function onlyColours(text: string): string {
  if (!text.includes("\u001b")) return text;
  // An escape character that begins nothing is shown, but must not begin something for the next reader.
  return text
    .replace(SEQUENCES, (sequence) => (COLOUR.test(sequence) ? sequence : ""))
    .replace(LONE_ESCAPE, "␛");
}
const LONE_ESCAPE = /\u001b(?!\[[\d;]*m)/g;

/** Characters that are not seen, or that turn others round. Between them is text that can be shown as it is. */
export const MARKS =
  /([\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb])/;

/** A sign for such a character. */
export function signOf(mark: string): string {
  const code = mark.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Characters of a text that is shown in one piece. */
const SHOWN = 20_000;

/** As plain text: no colours, and a sign for everything that does not show itself. */
export function stripped(text: string): string {
  const short = text.length > SHOWN ? `${text.slice(0, SHOWN)}\n…` : text;
  return onlyColours(short.replaceAll("\r\n", "\n"))
    .replace(COLOURS, "")
    .split(MARKS)
    .map((part, index) => (index % 2 === 0 ? part : signOf(part)))
    .join("");
}
const COLOURS = /\u001b\[[\d;]*m/g;
