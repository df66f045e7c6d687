/** Runs the program, shows its output, and sends it input. */
import { fromBase64 } from "../api/base64";
import type { Signal, Stream, TerminalSize } from "../api/messages";
import type { ExecutionEvent, ExecutionRequest } from "../api/transport";
import { findProblems } from "../execution/problems";
import { verdict } from "../execution/verdict";
import { OutputBuffer } from "../output/output-buffer";
import { runRequest } from "../program/program";
import type { TerminalView } from "../terminal/terminal";
import { closeInput, endExecution, sendRequest, sendToProgram, startExecution } from "./execution";
import { outputArea } from "./layout";
import { postOutput, postStatus } from "./live-region";
import { busy, language, outputSize, problems, program, resultTab } from "./state";

let output = new OutputBuffer();
let terminal: TerminalView | null = null;

/** Returns the complete output of the last run. */
export function programOutput(): OutputBuffer {
  return output;
}

export async function runProgram(): Promise<void> {
  if (busy.value || !program.value) return;
  const withTerminal = program.value.terminal;
  const body = runRequest(program.value);
  resultTab.value = "output";
  const inputOpen = body.stdin === undefined && !withTerminal;
  const abort = startExecution({ kind: "program", terminal: withTerminal, inputOpen });
  problems.value = [];
  output = new OutputBuffer();
  outputSize.value = 0;
  terminal = null;
  if (!withTerminal) outputArea().showLines();
  else if ((terminal = await openTerminal(abort.signal)) === null) return;
  const request: ExecutionRequest = { body, abort, ...(terminal && { terminal: terminal.size }) };
  await sendRequest(request, onEvent, runProgram);
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
  if (event.type === "stage_finished") {
    const text = `${output.text("stderr")}\n${output.text("stdout")}`;
    const files = program.value?.files.map((file) => file.name) ?? [];
    problems.value = findProblems(text, language.value?.editor.mode ?? "", files);
    const { title, detail } = verdict(event.stage, event);
    postStatus(`${title}. ${detail}`);
  }
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

/** Sends a line of input, and echoes it in the output as a terminal would. */
export function sendLine(line: string): void {
  const data = `${line}\n`;
  if (!sendToProgram({ type: "input", data })) return;
  outputArea().write("typed", new TextEncoder().encode(data));
}

export function sendInput(data: string): void {
  sendToProgram({ type: "input", data });
}

export function endInput(): void {
  sendToProgram({ type: "end_of_input" });
  closeInput();
}

export function sendSignal(signal: Signal): void {
  sendToProgram({ type: "signal", signal });
}

export function resizeTerminal(size: TerminalSize): void {
  sendToProgram({ type: "resize", size });
}
