import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { BINARIES } from "./installation";

/** setpriv(1) options: webd runs as an unprivileged user. */
const UNPRIVILEGED = [
  "--reuid=nobody",
  "--regid=nogroup",
  "--clear-groups",
  "--inh-caps=-all",
  "--bounding-set=-all",
  "--no-new-privs",
];
/** Number of uids for each pair of daemons. They do not overlap with an installation or with other tests. */
const UIDS = 256;
const FIRST_UID = 0x60000000 + ((process.pid % 0x8000) * 64 + 40) * UIDS;
/** Time for a daemon to start or to stop. */
const TIMEOUT_MS = 30_000;

export interface Settings {
  slots: number;
  queue: number;
  /** Additional lines for webd.toml. */
  webd?: string;
}

let startedPairs = 0;

/** A pair of daemons with its own directory, port, uids and cgroup. */
export class Daemons {
  private executord: ChildProcess | null = null;
  private webd: ChildProcess | null = null;
  private constructor(
    private readonly directory: string,
    private readonly port: number,
    private readonly cgroup: string,
  ) {}

  static async start({ slots, queue, webd = "" }: Settings): Promise<Daemons> {
    if (process.getuid?.() !== 0) throw new Error("executord needs root, and so do these tests");
    const directory = mkdtempSync(join(tmpdir(), "executor-page-"));
    chmodSync(directory, 0o711);
    const installed = inject("installed");
    const first = FIRST_UID + startedPairs++ * UIDS;
    const cgroup = `executor-page-${first}`;
    const configuration = [
      `runtime_directory = "${directory}/run"`,
      `languages = ["${installed}/languages"]`,
      `helper = "${BINARIES}/executor-sandbox"`,
      `webd_user = "nobody"`,
      `cgroup = "${cgroup}"`,
      `userdb = "off"`,
      `slots = ${slots}`,
      // A program that sleeps keeps others waiting.
      `max_executions = ${slots}`,
      `queue = ${queue}`,
      `uids = { first = ${first}, last = ${first + UIDS - 1} }`,
      `socket = { path = "${directory}/run/executord.sock", group = "nogroup" }`,
    ];
    writeFileSync(join(directory, "executord.toml"), configuration.join("\n"));
    writeFileSync(join(directory, "webd.toml"), webd);
    const daemons = new Daemons(directory, await freePort(), cgroup);
    try {
      await daemons.startExecutord();
      await daemons.startWebd();
    } catch (error) {
      // The caller has nothing to stop.
      await daemons.stop();
      throw error;
    }
    return daemons;
  }

  /** Path of executord's socket. */
  get socket(): string {
    return join(this.directory, "run/executord.sock");
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async startExecutord(): Promise<void> {
    this.executord = this.spawn("executord", join(BINARIES, "executord"), [
      "--config",
      join(this.directory, "executord.toml"),
    ]);
    if (this.webd) await this.untilReady();
  }

  async startWebd(): Promise<void> {
    const path = (name: string) => join(this.directory, name);
    const installed = inject("installed");
    const webd = [
      join(installed, "webd"),
      "--config",
      path("webd.toml"),
      "--listen",
      `127.0.0.1:${this.port}`,
      "--socket",
      path("run/executord.sock"),
      "--web",
      join(installed, "web"),
    ];
    this.webd = this.spawn("webd", "setpriv", [...UNPRIVILEGED, "--", ...webd]);
    await this.untilReady();
  }

  async stopWebd(): Promise<void> {
    await stop(this.webd);
    this.webd = null;
  }

  /** Kills webd with SIGKILL, as in a crash. */
  async killWebd(): Promise<void> {
    const { webd } = this;
    if (!webd) return;
    const exited = new Promise((done) => webd.once("exit", done));
    webd.kill("SIGKILL");
    await exited;
    this.webd = null;
  }

  async stop(): Promise<void> {
    await stop(this.webd);
    await stop(this.executord);
    for (const group of groups(this.cgroup)) {
      try {
        rmdirSync(group);
      } catch {
        // A cgroup with processes is left alone.
      }
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  log(): string {
    return ["executord", "webd"]
      .map(
        (name) =>
          `--- ${name}:\n${readFileSync(join(this.directory, `${name}.log`), "utf8").slice(-4000)}`,
      )
      .join("\n");
  }

  private spawn(name: string, command: string, args: string[]): ChildProcess {
    const log = openSync(join(this.directory, `${name}.log`), "a");
    return spawn(command, args, {
      stdio: ["ignore", log, log],
      env: { ...process.env, NO_COLOR: "1" },
    });
  }

  private async untilReady(): Promise<void> {
    for (const until = Date.now() + TIMEOUT_MS; Date.now() < until;) {
      const response = await fetch(`${this.origin}/readyz`).catch(() => null);
      if (response?.ok) return;
      for (const daemon of [this.executord, this.webd]) {
        if (daemon && daemon.exitCode !== null) throw new Error(`a daemon exited\n${this.log()}`);
      }
      await pause(50);
    }
    throw new Error(`the daemons are not ready\n${this.log()}`);
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Stops a daemon with SIGTERM, or with SIGKILL if that takes too long. */
async function stop(daemon: ChildProcess | null): Promise<void> {
  if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exited = new Promise((done) => daemon.once("exit", done));
  daemon.kill("SIGTERM");
  if ((await Promise.race([exited, pause(TIMEOUT_MS).then(() => "timeout")])) === "timeout")
    daemon.kill("SIGKILL");
  await exited;
}

function groups(name: string): string[] {
  const found = execFileSync(
    "find",
    ["/sys/fs/cgroup", "-maxdepth", "6", "-depth", "-path", `*/${name}*`, "-type", "d"],
    { encoding: "utf8" },
  );
  return found.split("\n").filter((path) => path !== "");
}

/** Returns a TCP port that is currently unused. */
function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        done(port);
      });
    });
  });
}
