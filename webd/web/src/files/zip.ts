import { strToU8, zipSync, type Zippable } from "fflate";

export interface ZipEntry {
  name: string;
  content: string | Uint8Array;
}

/** Returns a zip archive. Of entries with the same name the last one is kept. */
export function zip(entries: ZipEntry[]): Uint8Array {
  const files: Zippable = {};
  for (const { name, content } of entries) {
    files[name] = typeof content === "string" ? strToU8(content) : new Uint8Array(content);
  }
  return zipSync(files);
}
