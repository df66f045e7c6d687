import { checkProgram } from "./check";
import type { Program } from "./program";

/** What this browser keeps: the last program of each language, and which language it was. */
const LANGUAGE = "executor.language";
const draftOf = (language: string) => `executor.draft.${language}`;

export function saveDraft(program: Program): void {
  write(LANGUAGE, program.language);
  write(draftOf(program.language), JSON.stringify(program));
}

export function lastLanguage(): string | null {
  return read(LANGUAGE);
}

export function draft(language: string): Program | null {
  try {
    return checkProgram(JSON.parse(read(draftOf(language)) ?? "null"));
  } catch {
    return null;
  }
}

export function forgetDraft(language: string): void {
  try {
    localStorage.removeItem(draftOf(language));
  } catch {
    // Nothing was kept.
  }
}

/** Where a browser keeps nothing, the page works without. */
export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Full, or forbidden.
  }
}
