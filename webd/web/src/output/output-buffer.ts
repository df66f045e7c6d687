import type { Stream } from "@executor/client";

/** Complete output of an execution, in order of arrival. The server's output limit bounds its size. */
export class OutputBuffer {
  private readonly chunks: { stream: Stream; bytes: Uint8Array }[] = [];
  size = 0;

  /** @param terminal The output comes from a terminal, which writes a carriage return before each line feed. */
  constructor(private readonly terminal = false) {}

  append(stream: Stream, bytes: Uint8Array): void {
    this.chunks.push({ stream, bytes });
    this.size += bytes.length;
  }

  /** Returns the bytes of one stream, or of both in order of arrival. */
  bytes(stream?: Stream): Uint8Array {
    const chosen = this.chunks.filter((chunk) => stream === undefined || chunk.stream === stream);
    const all = new Uint8Array(chosen.reduce((sum, { bytes }) => sum + bytes.length, 0));
    let at = 0;
    for (const { bytes } of chosen) {
      all.set(bytes, at);
      at += bytes.length;
    }
    return this.terminal ? withoutReturns(all) : all;
  }

  text(stream?: Stream): string {
    return new TextDecoder().decode(this.bytes(stream));
  }
}

const RETURN = 13;
const LINE_FEED = 10;

/** Removes the carriage returns before line feeds. */
function withoutReturns(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte, index) => byte !== RETURN || bytes[index + 1] !== LINE_FEED);
}
