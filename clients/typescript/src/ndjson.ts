/** Parses newline-delimited JSON. Yields each value as soon as its line is complete. */
export async function* ndjson(body: NonNullable<Response["body"]>): AsyncGenerator {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let incomplete = "";
  for (;;) {
    const { done, value } = await reader.read();
    incomplete += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const lines = incomplete.split("\n");
    incomplete = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
    if (done) break;
  }
  if (incomplete.trim() !== "") yield JSON.parse(incomplete);
}
