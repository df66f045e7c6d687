import type { Stream } from "../api/types";

/** Every byte that arrived, in the order of its arrival. The server bounds how many that can be. */
export class KeptOutput {
  private readonly chunks: { stream: Stream; bytes: Uint8Array }[] = [];
  size = 0;

  add(stream: Stream, bytes: Uint8Array): void {
    this.chunks.push({ stream, bytes });
    this.size += bytes.length;
  }

  /** Of one stream, or of both as they came. */
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
