import type { Stream } from "../api/messages";

/** Complete output of an execution, in order of arrival. The server's output limit bounds its size. */
export class OutputBuffer {
  private readonly chunks: { stream: Stream; bytes: Uint8Array }[] = [];
  size = 0;

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
    return all;
  }

  text(stream?: Stream): string {
    return new TextDecoder().decode(this.bytes(stream));
  }
}
