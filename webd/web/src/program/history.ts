/** The programs that were run last, in browser storage. */
import { parseProgram } from "./parse";
import type { Program } from "./program";
import { readItem, removeItem, writeItem } from "./storage";

const KEY = "executor.history";
/** Number of runs that are kept. */
export const MAX_RUNS = 20;
/** Size of all of them together: browsers keep about 5 MB for a page, and drafts need some of it. */
const MAX_LENGTH = 1024 * 1024;

export interface PastRun {
  /** Milliseconds since 1970. */
  time: number;
  verdict: string;
  program: Program;
}

export function loadHistory(): PastRun[] {
  try {
    const stored: unknown = JSON.parse(readItem(KEY) ?? "[]");
    if (!Array.isArray(stored)) return [];
    return stored.flatMap((item: unknown) => {
      const { time, verdict, program } = (item ?? {}) as Record<string, unknown>;
      const parsed = parseProgram(program);
      return parsed && typeof time === "number" && typeof verdict === "string"
        ? [{ time, verdict, program: parsed }]
        : [];
    });
  } catch {
    return [];
  }
}

/** Adds a run in front of the others. The same program again replaces its last run. */
export function addToHistory(history: PastRun[], run: PastRun): PastRun[] {
  const text = JSON.stringify(run.program);
  const others = history.filter(({ program }) => JSON.stringify(program) !== text);
  const kept = [run, ...others].slice(0, MAX_RUNS);
  while (kept.length > 1 && JSON.stringify(kept).length > MAX_LENGTH) kept.pop();
  return kept;
}

export function saveHistory(history: PastRun[]): void {
  if (JSON.stringify(history).length <= MAX_LENGTH) writeItem(KEY, JSON.stringify(history));
}

export function clearHistory(): void {
  removeItem(KEY);
}
