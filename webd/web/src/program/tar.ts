import type { SourceFile } from "./program";

const BLOCK = 512;

/** Returns a tar archive in the ustar format (POSIX.1-1988). */
export function tar(files: SourceFile[]): Uint8Array {
  const encoder = new TextEncoder();
  const parts = files.flatMap(({ name, content }) => {
    const bytes = encoder.encode(content);
    return [header(encoder.encode(name), bytes.length), padded(bytes)];
  });
  return concatenate([...parts, new Uint8Array(2 * BLOCK)]);
}

function header(name: Uint8Array, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const write = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  block.set(name.subarray(0, 100), 0);
  write(100, "0000644\0");
  write(108, "0000000\0");
  write(116, "0000000\0");
  write(124, `${size.toString(8).padStart(11, "0")}\0`);
  write(136, "00000000000\0");
  write(148, " ".repeat(8));
  write(156, "0");
  write(257, "ustar\u000000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  write(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
  whole.set(bytes);
  return whole;
}

function concatenate(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
