/** The page inside another page: what the two send each other. docs/embedding.md describes the messages. */
import { effect } from "@preact/signals";
import { parseProgram } from "../program/parse";
import type { Program } from "../program/program";
import { changeProgram } from "./editing";
import { EMBEDDED } from "./embedded";
import { stop } from "./execution";
import { programOutput, runProgram } from "./run-program";
import { execution, language, program } from "./state";

/** Prefix of the types of all messages. */
const PREFIX = "executor.";

/**
 * Serves the page that embeds this one. Which pages may do so is decided by the content security policy (`frame-ancestors`), so
 * messages are accepted from the parent alone, and sent to it whatever its origin is.
 */
export function serveParent(): void {
  if (!EMBEDDED || window.parent === window) return;
  addEventListener("message", ({ source, data }) => {
    if (source === window.parent) receive(data);
  });
  let announced = false;
  effect(() => {
    if (!program.value) return;
    if (!announced) send("ready", { language: program.value.language });
    announced = true;
    send("changed", { files: program.value.files });
  });
  let waits = false;
  effect(() => {
    const state = execution.value?.state;
    const waiting = state?.waiting ?? false;
    if (waiting && !waits) send("waiting", {});
    waits = waiting;
    if (!state?.ending) return;
    const result = state.stages.at(-1)?.result;
    send("finished", {
      ending: state.ending.kind,
      status: result?.status ?? null,
      exit_code: result?.exit_code ?? null,
      output: programOutput().text(),
    });
  });
}

function receive(data: unknown): void {
  if (typeof data !== "object" || data === null) return;
  const message = data as Record<string, unknown>;
  switch (message["type"]) {
    case `${PREFIX}run`:
      void runProgram();
      break;
    case `${PREFIX}stop`:
      stop();
      break;
    case `${PREFIX}set`: {
      const changes = changesOf(message);
      if (changes) changeProgram(changes);
      break;
    }
  }
}

/** Returns the changes of the program that a message asks for: its code or its files, input and arguments. */
function changesOf(message: Record<string, unknown>): Partial<Program> | null {
  const current = program.value;
  if (!current) return null;
  const { code, files, stdin, args } = message;
  const main = current.files[0]?.name ?? language.value?.file_name ?? "main";
  const next = parseProgram({
    ...current,
    ...(typeof code === "string" && { files: [{ name: main, content: code }] }),
    ...(files !== undefined && { files }),
    ...(stdin !== undefined && { stdin }),
    ...(args !== undefined && { args }),
  });
  return next && { files: next.files, stdin: next.stdin, args: next.args };
}

function send(type: string, content: object): void {
  window.parent.postMessage({ type: PREFIX + type, ...content }, "*");
}
