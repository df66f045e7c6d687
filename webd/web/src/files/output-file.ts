/** Files that a program left behind, and how each of them is shown. */
import { fileBytes, type OutputFileEvent } from "@executor/client";

export interface OutputFile {
  /** Path relative to the work directory. */
  name: string;
  /** Size of the whole file. */
  size: number;
  bytes: Uint8Array;
  /** Only the beginning of the file was returned. */
  truncated: boolean;
}

/** How the page shows a file. */
export type FileView =
  | { kind: "image"; type: string }
  | { kind: "table"; separator: string }
  | { kind: "page" }
  | { kind: "text" }
  | { kind: "none" };

const IMAGES: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
};
const SEPARATORS: Record<string, string> = { csv: ",", tsv: "\t" };

/** Bytes of a file that is shown as text. */
const MAX_TEXT = 256 * 1024;

export function outputFile(event: OutputFileEvent): OutputFile {
  const { name, size, truncated } = event;
  return { name, size, bytes: fileBytes(event), truncated };
}

/** Decides by the extension, because a program chooses it, and by whether the content is text. */
export function viewOf({ name, bytes, truncated }: OutputFile): FileView {
  const extension = /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  const type = IMAGES[extension];
  if (type !== undefined) return truncated ? { kind: "none" } : { kind: "image", type };
  if (textOf(bytes) === null) return { kind: "none" };
  const separator = SEPARATORS[extension];
  if (separator !== undefined) return { kind: "table", separator };
  if (extension === "html" || extension === "htm") return { kind: "page" };
  return { kind: "text" };
}

/** Returns the beginning of a file as text, or null if it is not text. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    // With `stream`, a character that the end cuts is no error.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, MAX_TEXT), {
      stream: true,
    });
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

/** Returns the last component of a path. */
export function baseName(path: string): string {
  return path.split("/").at(-1) ?? path;
}
