/** What the page knows, as signals: components read them, the modules beside this one change them. */
import { computed, signal } from "@preact/signals";
import type { Language } from "../api/types";
import type { Program } from "../program/program";
import type { CaseVerdict } from "../run/cases";
import type { Problem } from "../run/problems";
import type { RunState } from "../run/state";
import type { Usage } from "../api/types";

export const languages = signal<Language[]>([]);
export const program = signal<Program | null>(null);
export const activeFile = signal("");
export const problems = signal<Problem[]>([]);

/** What is running, or ran last: the program itself, or its cases. */
export interface Running {
  what: "program" | "cases";
  state: RunState;
  /** The program has a terminal. */
  terminal: boolean;
  /** What is typed reaches the program. */
  inputOpen: boolean;
}
export const running = signal<Running | null>(null);
export const busy = computed(() => running.value !== null && running.value.state.ending === null);

export interface CaseRow {
  verdict: CaseVerdict;
  usage: Usage;
  printed: string;
}
/** Beside the program's cases: what became of each in the last run. */
export const caseRows = signal<(CaseRow | "running" | null)[]>([]);

/** What the compiler printed before the cases were tried. */
export const compilerSaid = signal("");

export const resultTab = signal<"output" | "cases">("output");
/** Bytes of output that can be downloaded. */
export const outputSize = signal(0);
/** Lines that are not shown any more. */
export const linesDropped = signal(0);

export const server = signal<"asking" | "there" | "gone">("asking");
/** Seconds until a refused execution is asked for again; null if none is. */
export const retryIn = signal<number | null>(null);

/** What a program that came with the link has pushed aside. */
export const setAside = signal<Program | null>(null);
/** A short word about what was just done. */
export const notice = signal("");

export const language = computed(
  () => languages.value.find((one) => one.name === program.value?.language) ?? null,
);
