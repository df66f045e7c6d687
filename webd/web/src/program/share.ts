import { fromBase64, toBase64 } from "../api/base64";
import { checkProgram } from "./check";
import type { Program } from "./program";

/** Names the format in the link, so that a later one can be told from it. */
const PREFIX = "#p1.";
/** A link may not unpack to more than the server takes. */
const UNPACKED_BYTES = 16 * 1024 * 1024;

/** The whole program in a fragment, which browsers do not send to any server. */
export async function toFragment(program: Program): Promise<string> {
  const packed = await through(new CompressionStream("deflate-raw"), JSON.stringify(program));
  const base64 = toBase64(packed).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return PREFIX + base64;
}

/** The program in a fragment; null if it is not one of ours, or broken. */
export async function fromFragment(fragment: string): Promise<Program | null> {
  if (!fragment.startsWith(PREFIX)) return null;
  const base64 = fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
  try {
    const json = await through(new DecompressionStream("deflate-raw"), fromBase64(base64));
    return checkProgram(JSON.parse(new TextDecoder().decode(json)));
  } catch {
    return null;
  }
}

export function isShared(fragment: string): boolean {
  return fragment.startsWith(PREFIX);
}

async function through(
  transform: CompressionStream | DecompressionStream,
  input: string | Uint8Array,
): Promise<Uint8Array> {
  const part = typeof input === "string" ? input : new Uint8Array(input);
  const reader = new Blob([part]).stream().pipeThrough(transform).getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > UNPACKED_BYTES) {
      await reader.cancel();
      throw new Error("too large");
    }
    pieces.push(value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
