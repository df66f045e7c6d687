/** State of the page as signals. Components read them; the modules of the workbench change them. */
import { computed, signal } from "@preact/signals";
import type { Language, Usage } from "@executor/client";
import type { Problem } from "../execution/problems";
import type { ExecutionState } from "../execution/state";
import type { Verdict } from "../execution/verdict";
import type { OutputFile } from "../files/output-file";
import type { Program } from "../program/program";

export const languages = signal<Language[]>([]);
export const program = signal<Program | null>(null);
export const activeFile = signal("");
export const problems = signal<Problem[]>([]);

/**
 * What the program is connected to, and how the page shows it: a terminal as lines of text with a field for input; a terminal
 * that draws; or pipes.
 */
export type ProgramConsole = "lines" | "terminal" | "pipes";

export interface Execution {
  kind: "program" | "tests";
  state: ExecutionState;
  console: ProgramConsole;
  /** Lines that the user types reach the program. */
  inputOpen: boolean;
}
/** The current execution, or the last one. */
export const execution = signal<Execution | null>(null);
export const busy = computed(
  () => execution.value !== null && execution.value.state.ending === null,
);

export interface TestResult {
  verdict: Verdict;
  usage: Usage;
  output: string;
}
/** Result of each test of the program, in the same order; null if the test was not run. */
export const testResults = signal<(TestResult | "running" | null)[]>([]);

/** Output of the compiler when the tests were run last. */
export const compilerOutput = signal("");

export const resultTab = signal<"output" | "tests">("output");
/** Bytes of output that can be downloaded. */
export const outputSize = signal(0);
/** Files that the program left behind, without its unchanged sources. */
export const outputFiles = signal<OutputFile[]>([]);
/** Number of output lines that are no longer shown. */
export const droppedLines = signal(0);

export const server = signal<"connecting" | "online" | "offline">("connecting");
/** Seconds until a rejected execution is retried; null if none is. */
export const retryCountdown = signal<number | null>(null);

/** Draft that a program from a link replaced in the editor. */
export const replacedProgram = signal<Program | null>(null);
/** Short message that disappears after some seconds. */
export const notice = signal("");

export const language = computed(
  () => languages.value.find(({ name }) => name === program.value?.language) ?? null,
);
