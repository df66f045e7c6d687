/** Runs the program, shows its output, and sends it input. */
import {
  type ExecutionEvent,
  type ExecutionRequest,
  fromBase64,
  type Signal,
  type Stream,
  type TerminalSize,
  toBase64,
} from "@executor/client";
import { findProblems } from "../execution/problems";
import { verdict } from "../execution/verdict";
import { outputFile, type OutputFile } from "../files/output-file";
import { t } from "../i18n/text";
import { OutputBuffer } from "../output/output-buffer";
import { addToHistory, loadHistory, saveHistory } from "../program/history";
import { runRequest, type Program } from "../program/program";
import type { TerminalView } from "../terminal/terminal";
import { programLoaded } from "./editing";
import { EMBEDDED } from "./embedded";
import { closeInput, endExecution, sendRequest, sendToProgram, startExecution } from "./execution";
import { outputArea } from "./layout";
import { postOutput, postStatus } from "./live-region";
import {
  busy,
  language,
  outputFiles,
  outputSize,
  problems,
  program,
  resultTab,
  type ProgramConsole,
} from "./state";

let output = new OutputBuffer();
let terminal: TerminalView | null = null;

/** Returns the complete output of the last run. */
export function programOutput(): OutputBuffer {
  return output;
}

export async function runProgram(): Promise<void> {
  // Not the program that the user is leaving. Otherwise the run begins before the next key.
  const loaded = programLoaded();
  if (loaded) await loaded;
  if (busy.value || !program.value) return;
  const console = consoleOf(program.value);
  const body = runRequest(program.value);
  resultTab.value = "output";
  const abort = startExecution({ kind: "program", console, inputOpen: console === "lines" });
  problems.value = [];
  output = new OutputBuffer(console !== "pipes");
  outputSize.value = 0;
  outputFiles.value = [];
  terminal = null;
  const request: ExecutionRequest = { body, abort };
  if (console === "terminal") {
    if ((terminal = await openTerminal(abort.signal)) === null) return;
    request.terminal = terminal.size;
  } else {
    outputArea().showLines();
    if (console === "lines") request.terminal = outputArea().size();
  }
  await sendRequest(request, onEvent, runProgram);
}

/**
 * A program without given input has a terminal: there, languages do not buffer what they write, so that a prompt appears
 * before the program waits for the answer.
 */
function consoleOf({ terminal, stdin }: Program): ProgramConsole {
  if (terminal) return "terminal";
  return stdin === "" ? "lines" : "pipes";
}

/** Opens the terminal. If that fails, or the user stops the run before, ends the run and returns null. */
async function openTerminal(stop: AbortSignal): Promise<TerminalView | null> {
  const stopped = new Promise<null>((resolve) => {
    stop.addEventListener("abort", () => resolve(null));
  });
  const failed = () => null;
  const opened = await Promise.race([outputArea().showTerminal().catch(failed), stopped]);
  if (!opened) endExecution({ kind: stop.aborted ? "stopped" : "unreachable" }, runProgram);
  return opened;
}

function onEvent(event: ExecutionEvent): void {
  if (event.type === "output") show(event.stream, fromBase64(event.data));
  // Other transports take no input.
  if (event.type === "connected" && event.transport !== "session") closeInput();
  if (event.type === "output_file") addOutputFile(outputFile(event));
  if (event.type === "waiting_for_input") postStatus(t("programWaits"));
  if (event.type === "stage_finished") {
    const text = `${output.text("stderr")}\n${output.text("stdout")}`;
    const files = program.value?.files.map((file) => file.name) ?? [];
    problems.value = findProblems(text, language.value?.editor.mode ?? "", files);
    const { title, detail } = verdict(event.stage, event);
    postStatus(`${title}. ${detail}`);
    if (event.stage === "run" || event.status !== "ok") remember(title);
  }
}

/** Adds the program to the history of runs. */
function remember(verdict: string): void {
  if (!program.value || EMBEDDED) return;
  const run = { time: Date.now(), verdict, program: program.value };
  saveHistory(addToHistory(loadHistory(), run));
}

/** Files that Python writes for itself. */
const CACHES = /(^|\/)__pycache__\//;

/** Adds a file, unless it is a source that the program has not changed. */
function addOutputFile(file: OutputFile): void {
  if (CACHES.test(file.name)) return;
  const source = program.value?.files.find(({ name }) => name === file.name);
  const text = () => new TextDecoder("utf-8", { ignoreBOM: true }).decode(file.bytes);
  if (
    source &&
    (source.encoding ? source.content === toBase64(file.bytes) : source.content === text())
  )
    return;
  outputFiles.value = [...outputFiles.value, file];
  postStatus(t("fileWritten", { name: file.name }));
}

function show(stream: Stream, bytes: Uint8Array): void {
  output.append(stream, bytes);
  outputSize.value = output.size;
  if (terminal) {
    terminal.write(bytes);
    return;
  }
  outputArea().write(stream, bytes);
  postOutput(new TextDecoder().decode(bytes));
}

/** Sends a line of input. The program's terminal echoes it, unless the program reads a password. */
export function sendLine(line: string): void {
  sendToProgram({ type: "input", data: `${line}\n` });
}

export function sendInput(data: string): void {
  sendToProgram({ type: "input", data });
}

/** Ends the input, as Ctrl+D does at the beginning of a line. The program may still read more. */
export function endInput(): void {
  sendToProgram({ type: "end_of_input" });
}

export function sendSignal(signal: Signal): void {
  sendToProgram({ type: "signal", signal });
}

export function resizeTerminal(size: TerminalSize): void {
  sendToProgram({ type: "resize", size });
}
