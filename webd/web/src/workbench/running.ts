/** Running the program, and talking to it. */
import { fromBase64 } from "../api/base64";
import { execute } from "../api/execute";
import { InputQueue, type InputMessage } from "../api/input-queue";
import { Unreachable, type Line, type Order, type RunEvent } from "../api/transport";
import type { Signal, Stream, TerminalSize } from "../api/types";
import { KeptOutput } from "../output/kept";
import { runRequest } from "../program/program";
import { findProblems } from "../run/problems";
import { advance, newRun, type Ending } from "../run/state";
import { verdict } from "../run/verdict";
import { announce, announceOutput } from "./announce";
import { lookForServer } from "./reach";
import { forgetRetry, retryLater } from "./retry";
import { theScreen } from "./screen";
import {
  busy,
  language,
  notice,
  outputSize,
  problems,
  program,
  resultTab,
  running,
  type Running,
} from "./state";
import type { TerminalView } from "../terminal/terminal";

/** Codes of refusals that pass by themselves. */
const PASSING = new Set(["busy", "overloaded"]);
const GONE = new Set(["unavailable", "forbidden"]);

let line: Line | null = null;
let input = new InputQueue();
let hangUp = new AbortController();
let kept = new KeptOutput();
let terminal: TerminalView | null = null;

export function keptOutput(): KeptOutput {
  return kept;
}

export async function runProgram(): Promise<void> {
  if (busy.value || !program.value) return;
  const withTerminal = program.value.terminal;
  const request = runRequest(program.value);
  resultTab.value = "output";
  begin({
    what: "program",
    state: newRun,
    terminal: withTerminal,
    inputOpen: request.stdin === undefined && !withTerminal,
  });
  problems.value = [];
  kept = new KeptOutput();
  outputSize.value = 0;
  terminal = null;
  if (!withTerminal) theScreen().showLines();
  else if ((terminal = await loadedTerminal()) === null) return;
  const order: Order = { request, hangUp, ...(terminal && { terminal: terminal.size }) };
  await follow(order, hearProgram, runProgram);
}

/** Returns null, with the run ended, if the terminal cannot be loaded or the user stops the run before. */
async function loadedTerminal(): Promise<TerminalView | null> {
  const { signal } = hangUp;
  const stopped = new Promise<null>((resolve) => {
    signal.addEventListener("abort", () => resolve(null));
  });
  const failed = () => null;
  const opened = await Promise.race([theScreen().showTerminal().catch(failed), stopped]);
  if (!opened) end({ how: signal.aborted ? "stopped" : "unreachable" }, runProgram);
  return opened;
}

/** Shared with the run of the cases: from the order to the end. */
export function begin(next: Running): void {
  forgetRetry();
  hangUp = new AbortController();
  line = null;
  input = new InputQueue();
  running.value = next;
  announce(next.what === "cases" ? "Trying the cases" : "Running");
}

export function currentHangUp(): AbortController {
  return hangUp;
}

export async function follow(
  order: Order,
  hear: (event: RunEvent) => void,
  again: () => Promise<void>,
): Promise<void> {
  const listener = (event: RunEvent) => {
    update((now) => ({ ...now, state: advance(now.state, event) }));
    openInput();
    hear(event);
    const ending = running.value?.state.ending;
    if (ending) finish(ending, again);
  };
  try {
    line = await execute(order, listener);
    openInput();
    if (running.value?.state.stopping) line.cancel();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    end(hangUp.signal.aborted ? { how: "stopped" } : { how: "unreachable" }, again);
  }
}

/** The server drops signals that arrive before a stage has started, so all input waits for the first stage. */
function openInput(): void {
  if (line && running.value && running.value.state.stages.length > 0) input.open(line);
}

function end(ending: Ending, again: () => Promise<void>): void {
  update((now) => ({ ...now, state: { ...now.state, ending } }));
  finish(ending, again);
}

function finish(ending: Ending, again: () => Promise<void>): void {
  update((now) => ({ ...now, inputOpen: false }));
  line = null;
  input.close();
  if (ending.how === "unreachable" || ending.how === "lost") lookForServer();
  if (ending.how !== "refused") return;
  const { code, retry_after: seconds, error } = ending.error;
  announce(error);
  if (GONE.has(code)) lookForServer();
  if (PASSING.has(code)) retryLater(seconds ?? 1, again);
}

function hearProgram(event: RunEvent): void {
  if (event.type === "output") show(event.stream, fromBase64(event.data));
  // Only a session takes what is typed.
  if (event.type === "reached" && event.transport !== "session")
    update((now) => ({ ...now, inputOpen: false }));
  if (event.type === "stage_finished") {
    const said = `${kept.text("stderr")}\n${kept.text("stdout")}`;
    const files = program.value?.files.map((file) => file.name) ?? [];
    problems.value = findProblems(said, language.value?.editor.mode ?? "", files);
    const { title, detail } = verdict(event.stage, event);
    announce(`${title}. ${detail}`);
  }
}

function show(stream: Stream, bytes: Uint8Array): void {
  kept.add(stream, bytes);
  outputSize.value = kept.size;
  if (terminal) {
    terminal.write(bytes);
    return;
  }
  theScreen().write(stream, bytes);
  announceOutput(new TextDecoder().decode(bytes));
}

function update(next: (now: Running) => Running): void {
  if (running.value) running.value = next(running.value);
}

/** End what runs. Asked a second time, do not wait for it. */
export function stop(): void {
  forgetRetry();
  const now = running.value;
  if (!now || now.state.ending) return;
  if (line) line.cancel();
  if (!line || now.state.stopping) hangUp.abort();
  update((one) => ({ ...one, state: { ...one.state, stopping: true } }));
}

/** A line for the program, shown as a terminal would show it. */
export function typeLine(text: string): void {
  if (!push({ type: "input", data: `${text}\n` })) return;
  theScreen().write("typed", new TextEncoder().encode(`${text}\n`));
}

export function type(data: string): void {
  push({ type: "input", data });
}

export function endInput(): void {
  push({ type: "end_of_input" });
  update((now) => ({ ...now, inputOpen: false }));
}

export function sendSignal(signal: Signal): void {
  push({ type: "signal", signal });
}

export function resizeTerminal(size: TerminalSize): void {
  push({ type: "resize", size });
}

function push(message: InputMessage): boolean {
  const accepted = input.push(message);
  if (!accepted && busy.value) {
    notice.value = "Too much input before the program started: the last of it was dropped.";
    announce(notice.value);
  }
  return accepted;
}
