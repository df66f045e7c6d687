import { fromBase64 } from "./base64.js";
import type { OutputFile } from "./messages.js";

/** Returns the content of an output file as bytes. If `truncated` is true, it is only the beginning of the file. */
export function fileBytes(file: Pick<OutputFile, "content" | "content_base64">): Uint8Array {
  return file.content_base64 === undefined
    ? new TextEncoder().encode(file.content ?? "")
    : fromBase64(file.content_base64);
}
