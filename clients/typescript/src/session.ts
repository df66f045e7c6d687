import { DisconnectedError, ExecutorError } from "./errors.js";
import { Execution } from "./execution.js";
import type { ExecuteRequest, ServerEvent, SessionFrame, TerminalSize } from "./messages.js";
import type { Server } from "./server.js";
import {
  TransportUnavailable,
  type Connection,
  type EventListener,
  type ExecutionRequest,
} from "./transport.js";

/** Time for the WebSocket handshake. Some proxies never answer it. */
const CONNECT_TIMEOUT_MS = 4000;
/** Time for the server to confirm that it stopped a program. */
const CANCEL_TIMEOUT_MS = 8000;
/** `WebSocket.OPEN`: not every runtime has the global. */
const OPEN = 1;

/** A WebSocket that carries executions one after another, and their input while they run. */
export class Session {
  private listener: EventListener | null = null;

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as ServerEvent;
      const listener = this.listener;
      if (event.type === "finished" || event.type === "error") this.listener = null;
      listener?.(event);
    };
    socket.onclose = () => {
      const listener = this.listener;
      this.listener = null;
      listener?.({ type: "disconnected" });
    };
  }

  /** Opens a session. */
  static async open(server: Server, signal?: AbortSignal): Promise<Session> {
    const protocols = await server.sessionProtocols(signal);
    return new Session(await connect(server, protocols, signal));
  }

  /** Whether the session can start an execution. */
  get isIdle(): boolean {
    return this.listener === null && this.socket.readyState === OPEN;
  }

  /** Starts a program. Without `stdin` and `runs`, it reads what is sent while it runs. */
  start(request: ExecuteRequest, options: { terminal?: TerminalSize } = {}): Execution {
    if (!this.isIdle)
      throw this.listener
        ? new ExecutorError("an execution is running; a session runs one at a time")
        : new DisconnectedError("the session is closed");
    const execution = new Execution();
    execution.connect(this.run(request, options.terminal, (event) => execution.accept(event)));
    return execution;
  }

  /** Starts a program whose events go to a listener. The last one is `finished`, `error` or `disconnected`. */
  run(
    request: ExecuteRequest,
    terminal: TerminalSize | undefined,
    listener: EventListener,
  ): Connection {
    this.listener = listener;
    this.send({ type: "start", ...request, ...(terminal && { tty: true, ...terminal }) });
    return {
      sendInput: (data) => {
        if (typeof data === "string") this.send({ type: "stdin", data });
        else if (this.socket.readyState === OPEN) this.socket.send(new Uint8Array(data));
      },
      endInput: () => this.send({ type: "end_of_input" }),
      sendSignal: (signal) => this.send({ type: "signal", signal }),
      resize: ({ columns, rows }) => this.send({ type: "resize", columns, rows }),
      cancel: () => this.send({ type: "cancel" }),
    };
  }

  /** Closes the session, which cancels a running execution. */
  close(): void {
    this.socket.close();
  }

  private send(frame: SessionFrame): void {
    if (this.socket.readyState === OPEN) this.socket.send(JSON.stringify(frame));
  }
}

/** Executes in a session of its own: the only transport that takes input while the program runs. */
export async function executeInSession(
  server: Server,
  { body, abort, terminal }: ExecutionRequest,
  onEvent: EventListener,
): Promise<Connection> {
  let session: Session;
  try {
    session = await Session.open(server, abort.signal);
  } catch {
    throw new TransportUnavailable("session");
  }
  let finished = false;
  const listener: EventListener = (event) => {
    if (finished) return;
    finished = ["finished", "error", "disconnected", "stopped"].includes(event.type);
    onEvent(event);
    if (finished) session.close();
  };
  onEvent({ type: "connected", transport: "session" });
  const connection = session.run(body, terminal, listener);
  return {
    ...connection,
    cancel() {
      connection.cancel();
      setTimeout(() => listener({ type: "stopped" }), CANCEL_TIMEOUT_MS);
    },
  };
}

function connect(server: Server, offered: string[], abort?: AbortSignal): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = server.createSocket(offered);
    socket.binaryType = "arraybuffer";
    const fail = () => {
      clearTimeout(timer);
      abort?.removeEventListener("abort", fail);
      socket.onopen = socket.onclose = null;
      socket.close();
      reject(new DisconnectedError("cannot open a session"));
    };
    const timer = setTimeout(fail, CONNECT_TIMEOUT_MS);
    abort?.addEventListener("abort", fail);
    socket.onclose = fail;
    // `onclose` follows. Without a listener, the package `ws` throws.
    socket.onerror = () => undefined;
    socket.onopen = () => {
      clearTimeout(timer);
      abort?.removeEventListener("abort", fail);
      socket.onclose = null;
      resolve(socket);
    };
  });
}
