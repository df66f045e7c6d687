/** Drafts in browser storage: the last program of each language, and the language that was used last. */
import { parseProgram } from "./parse";
import type { Program } from "./program";
import { readItem, removeItem, writeItem } from "./storage";

const LANGUAGE_KEY = "executor.language";
const draftKey = (language: string) => `executor.draft.${language}`;

export function saveDraft(program: Program): void {
  writeItem(LANGUAGE_KEY, program.language);
  writeItem(draftKey(program.language), JSON.stringify(program));
}

export function lastLanguage(): string | null {
  return readItem(LANGUAGE_KEY);
}

export function loadDraft(language: string): Program | null {
  try {
    return parseProgram(JSON.parse(readItem(draftKey(language)) ?? "null"));
  } catch {
    return null;
  }
}

export function deleteDraft(language: string): void {
  removeItem(draftKey(language));
}
