import { fromBase64, toBase64 } from "@executor/client";
import { parseProgram } from "./parse";
import type { Program } from "./program";

/** Format of the link, so that later formats can be distinguished from it. */
const PREFIX = "#p1.";
/** Begins a link that is written by hand: `#code=print(1)&lang=python`. */
const PLAIN_PREFIX = "#code=";
/** Size limit of a decompressed link: the server accepts no larger request. */
const MAX_DECOMPRESSED_BYTES = 16 * 1024 * 1024;

/** Returns the program as a URL fragment. Browsers do not send fragments to servers. */
export async function toFragment(program: Program): Promise<string> {
  const compressed = await pipe(new CompressionStream("deflate-raw"), JSON.stringify(program));
  const base64 = toBase64(compressed).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return PREFIX + base64;
}

/** Returns the program in a URL fragment, or null if there is none or it is invalid. */
export async function fromFragment(fragment: string): Promise<Program | null> {
  if (fragment.startsWith(PLAIN_PREFIX)) return fromParameters(fragment.slice(1));
  if (!fragment.startsWith(PREFIX)) return null;
  const base64 = fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
  try {
    const json = await pipe(new DecompressionStream("deflate-raw"), fromBase64(base64));
    return parseProgram(JSON.parse(new TextDecoder().decode(json)));
  } catch {
    return null;
  }
}

export function isShared(fragment: string): boolean {
  return fragment.startsWith(PREFIX) || fragment.startsWith(PLAIN_PREFIX);
}

/** Returns the program of a link that is written by hand. The language may be an alias, and its file has no name yet. */
function fromParameters(text: string): Program {
  const values = new URLSearchParams(text);
  return {
    language: values.get("lang") ?? "python",
    version: values.get("version") ?? "",
    packages: values.get("packages") ?? "",
    files: [{ name: "", content: values.get("code") ?? "" }],
    args: values.get("args") ?? "",
    stdin: values.get("stdin") ?? "",
    terminal: values.get("terminal") === "1",
    options: {},
    tests: [],
    compare: "lines",
  };
}

async function pipe(
  transform: CompressionStream | DecompressionStream,
  input: string | Uint8Array,
): Promise<Uint8Array> {
  const data = typeof input === "string" ? input : new Uint8Array(input);
  const reader = new Blob([data]).stream().pipeThrough(transform).getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_DECOMPRESSED_BYTES) {
      await reader.cancel();
      throw new Error("the program is too large");
    }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
