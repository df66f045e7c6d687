import { overPost } from "./post";
import { overSession } from "./session";
import { Unreachable, type Line, type Listener, type Order, type TransportName } from "./transport";

const WAYS: [TransportName, (order: Order, listener: Listener) => Promise<Line>][] = [
  ["session", overSession],
  ["stream", (order, listener) => overPost("stream", order, listener)],
  ["plain", (order, listener) => overPost("plain", order, listener)],
];
/** What a proxy forbids it forbids again, so closed ways are not tried again for so long. */
const REMEMBERED_MS = 5 * 60_000;

let known = { first: 0, since: 0 };

/** Execute in the best way there is. When it throws `Unreachable`, nothing was executed. */
export async function execute(order: Order, listener: Listener): Promise<Line> {
  const first = Date.now() - known.since < REMEMBERED_MS ? known.first : 0;
  for (const [index, [, way]] of WAYS.entries()) {
    if (index < first) continue;
    try {
      const line = await way(order, listener);
      if (index !== first) known = { first: index, since: Date.now() };
      return line;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
  }
  throw new Unreachable("plain");
}
