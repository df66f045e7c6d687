import { sessionUrl } from "./address";
import { Unreachable, type Line, type Listener, type Order } from "./transport";
import type { ServerEvent } from "./types";

/** A proxy that swallows the upgrade must not keep anybody waiting. */
const OPENING_MS = 4000;
/** How long the server may take to say that it ended a program. */
const CANCELLING_MS = 8000;

/** Execute over a WebSocket: the only way that takes input while the program runs. */
export async function overSession(order: Order, listener: Listener): Promise<Line> {
  const socket = await open(order.hangUp.signal);
  let ended = false;
  const end: Listener = (event) => {
    if (ended) return;
    ended = true;
    listener(event);
    socket.close();
  };
  const say = (frame: object) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  };

  listener({ type: "reached", transport: "session" });
  socket.onmessage = (message: MessageEvent<string>) => {
    const event = JSON.parse(message.data) as ServerEvent;
    if (event.type === "finished" || event.type === "error") end(event);
    else if (!ended) listener(event);
  };
  socket.onclose = () => end({ type: "lost" });
  const { request, terminal } = order;
  say({ type: "start", ...request, ...(terminal && { tty: true, ...terminal }) });

  return {
    send(data) {
      if (typeof data === "string") say({ type: "stdin", data });
      else if (socket.readyState === WebSocket.OPEN) socket.send(new Uint8Array(data));
    },
    endInput: () => say({ type: "end_of_input" }),
    signal: (signal) => say({ type: "signal", signal }),
    resize: ({ columns, rows }) => say({ type: "resize", columns, rows }),
    cancel() {
      say({ type: "cancel" });
      setTimeout(() => end({ type: "stopped" }), CANCELLING_MS);
    },
  };
}

function open(hangUp: AbortSignal): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(sessionUrl());
    socket.binaryType = "arraybuffer";
    const fail = () => {
      socket.onopen = socket.onclose = null;
      socket.close();
      reject(new Unreachable("session"));
    };
    const timer = setTimeout(fail, OPENING_MS);
    hangUp.addEventListener("abort", fail);
    socket.onclose = () => {
      clearTimeout(timer);
      fail();
    };
    socket.onopen = () => {
      clearTimeout(timer);
      hangUp.removeEventListener("abort", fail);
      resolve(socket);
    };
  });
}
