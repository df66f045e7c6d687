/** Files of the user's computer that become files of the program. */
import { toBase64 } from "@executor/client";
import { t } from "../i18n/text";
import { MAX_FILES, MAX_SOURCE_BYTES, fileNameError, type SourceFile } from "./program";

/** Returns a file with this content: as text if it is text, which the editor can show. */
export function sourceFile(name: string, bytes: Uint8Array): SourceFile {
  try {
    const content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!content.includes("\0")) return { name, content };
  } catch {
    // Not text.
  }
  return { name, content: toBase64(bytes), encoding: "base64" };
}

/** Returns the number of bytes of a file. */
export function byteLength({ content, encoding }: SourceFile): number {
  if (encoding !== "base64") return new TextEncoder().encode(content).length;
  const padding = content.endsWith("==") ? 2 : content.endsWith("=") ? 1 : 0;
  return (content.length / 4) * 3 - padding;
}

/** Adds files to others, in place of those with the same name. Returns why that is not possible, if it is not. */
export function withUploads(files: SourceFile[], added: SourceFile[]): SourceFile[] | string {
  const bad = added.map(({ name }) => fileNameError(name, [])).find((error) => error !== null);
  if (bad !== undefined) return bad;
  const replaced = files.map((file) => added.find(({ name }) => name === file.name) ?? file);
  const names = new Set(files.map(({ name }) => name));
  const all = [...replaced, ...added.filter(({ name }) => !names.has(name))];
  if (all.length > MAX_FILES) return t("tooManyFiles", { count: MAX_FILES });
  const bytes = all.reduce((sum, file) => sum + byteLength(file), 0);
  if (bytes > MAX_SOURCE_BYTES) return t("filesTooLarge");
  return all;
}
