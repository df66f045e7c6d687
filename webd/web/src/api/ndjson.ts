/** The JSON values of a stream of lines, each as soon as its line is complete. */
export async function* ndjson(body: NonNullable<Response["body"]>): AsyncGenerator {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
    if (done) break;
  }
  if (rest.trim() !== "") yield JSON.parse(rest);
}
