import { chunks } from "./chunks.js";

/** Parses newline-delimited JSON. Yields each value as soon as its line is complete. */
export async function* ndjson(body: NonNullable<Response["body"]>): AsyncGenerator {
  const decoder = new TextDecoder();
  let incomplete = "";
  for await (const chunk of chunks(body)) {
    const lines = (incomplete + decoder.decode(chunk, { stream: true })).split("\n");
    incomplete = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
  }
  incomplete += decoder.decode();
  if (incomplete.trim() !== "") yield JSON.parse(incomplete);
}
