import { connectionError } from "./errors.js";

/** Yields the parts of a body as they arrive. */
export async function* chunks(
  body: NonNullable<Response["body"]>,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw connectionError(error, "the connection was lost");
      });
      if (done) return;
      yield value;
    }
  } finally {
    // Does nothing after the end. Before, it tells the server that nobody reads on.
    await reader.cancel().catch(() => undefined);
  }
}
