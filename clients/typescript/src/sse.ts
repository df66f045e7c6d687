import { chunks } from "./chunks.js";

/** Parses server-sent events, and yields the data of each one. Comments are skipped. */
export async function* serverSentEvents(
  body: NonNullable<Response["body"]>,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let incomplete = "";
  let data: string[] = [];
  for await (const chunk of chunks(body)) {
    const lines = (incomplete + decoder.decode(chunk, { stream: true })).split("\n");
    incomplete = lines.pop() ?? "";
    for (const line of lines.map((text) => text.replace(/\r$/, ""))) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line !== "" || data.length === 0) continue;
      yield data.join("\n");
      data = [];
    }
  }
}
