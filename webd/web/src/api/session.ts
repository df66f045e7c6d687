import { sessionUrl } from "./address";
import { sessionProtocols } from "./key";
import type { ServerEvent, SessionFrame } from "./messages";
import {
  TransportUnavailable,
  type Connection,
  type EventListener,
  type ExecutionRequest,
} from "./transport";

/** Time for the WebSocket handshake. Some proxies never answer it. */
const CONNECT_TIMEOUT_MS = 4000;
/** Time for the server to confirm that it stopped a program. */
const CANCEL_TIMEOUT_MS = 8000;

/** Executes over a WebSocket: the only transport that takes input while the program runs. */
export async function executeInSession(
  request: ExecutionRequest,
  onEvent: EventListener,
): Promise<Connection> {
  const socket = await connect(await protocols(request.abort.signal), request.abort.signal);
  let finished = false;
  const finish: EventListener = (event) => {
    if (finished) return;
    finished = true;
    onEvent(event);
    socket.close();
  };
  const isOpen = () => socket.readyState === WebSocket.OPEN;
  const sendFrame = (frame: SessionFrame) => {
    if (isOpen()) socket.send(JSON.stringify(frame));
  };

  onEvent({ type: "connected", transport: "session" });
  socket.onmessage = (message: MessageEvent<string>) => {
    const event = JSON.parse(message.data) as ServerEvent;
    if (event.type === "finished" || event.type === "error") finish(event);
    else if (!finished) onEvent(event);
  };
  socket.onclose = () => finish({ type: "disconnected" });
  const { body, terminal } = request;
  sendFrame({ type: "start", ...body, ...(terminal && { tty: true, ...terminal }) });

  return {
    sendInput(data) {
      if (typeof data === "string") sendFrame({ type: "stdin", data });
      else if (isOpen()) socket.send(new Uint8Array(data));
    },
    endInput: () => sendFrame({ type: "end_of_input" }),
    sendSignal: (signal) => sendFrame({ type: "signal", signal }),
    resize: ({ columns, rows }) => sendFrame({ type: "resize", columns, rows }),
    cancel() {
      sendFrame({ type: "cancel" });
      setTimeout(() => finish({ type: "stopped" }), CANCEL_TIMEOUT_MS);
    },
  };
}

async function protocols(abort: AbortSignal): Promise<string[]> {
  try {
    return await sessionProtocols(abort);
  } catch {
    throw new TransportUnavailable("session");
  }
}

function connect(offered: string[], abort: AbortSignal): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(sessionUrl(), offered);
    socket.binaryType = "arraybuffer";
    const fail = () => {
      socket.onopen = socket.onclose = null;
      socket.close();
      reject(new TransportUnavailable("session"));
    };
    const timer = setTimeout(fail, CONNECT_TIMEOUT_MS);
    abort.addEventListener("abort", fail);
    socket.onclose = () => {
      clearTimeout(timer);
      fail();
    };
    socket.onopen = () => {
      clearTimeout(timer);
      abort.removeEventListener("abort", fail);
      resolve(socket);
    };
  });
}
