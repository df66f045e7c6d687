/** Parses server-sent events, and yields the data of each one. Comments are skipped. */
export async function* serverSentEvents(
  body: NonNullable<Response["body"]>,
): AsyncGenerator<string, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let incomplete = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      incomplete += decoder.decode(value, { stream: true });
      const lines = incomplete.split("\n");
      incomplete = lines.pop() ?? "";
      for (const line of lines.map((text) => text.replace(/\r$/, ""))) {
        if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
        if (line !== "" || data.length === 0) continue;
        yield data.join("\n");
        data = [];
      }
    }
  } finally {
    await reader.cancel();
  }
}
