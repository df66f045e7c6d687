/** Running the program, and talking to it. */
import { fromBase64 } from "../api/base64";
import { execute } from "../api/execute";
import { Unreachable, type Line, type Order, type RunEvent } from "../api/transport";
import type { Signal, Stream } from "../api/types";
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
  theScreen().clear();
  terminal = withTerminal ? await theScreen().openTerminal() : null;
  terminal?.focus();
  const order: Order = { request, hangUp, ...(terminal && { terminal: terminal.size }) };
  await follow(order, hearProgram, runProgram);
}

/** Shared with the run of the cases: from the order to the end. */
export function begin(next: Running): void {
  forgetRetry();
  hangUp = new AbortController();
  line = null;
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
    hear(event);
    const ending = running.value?.state.ending;
    if (ending) finish(ending, again);
  };
  try {
    line = await execute(order, listener);
    if (running.value?.state.stopping) line.cancel();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    const ending: Ending = hangUp.signal.aborted ? { how: "stopped" } : { how: "unreachable" };
    update((now) => ({ ...now, state: { ...now.state, ending } }));
    finish(ending, again);
  }
}

function finish(ending: Ending, again: () => Promise<void>): void {
  update((now) => ({ ...now, inputOpen: false }));
  line = null;
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
  line?.send(`${text}\n`);
  theScreen().write("typed", new TextEncoder().encode(`${text}\n`));
}

export function type(data: string): void {
  line?.send(data);
}

export function endInput(): void {
  line?.endInput();
  update((now) => ({ ...now, inputOpen: false }));
}

export function sendSignal(signal: Signal): void {
  line?.signal(signal);
}

export function resizeTerminal(size: { columns: number; rows: number }): void {
  line?.resize(size);
}
