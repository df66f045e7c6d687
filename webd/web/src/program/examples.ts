import type { Language } from "../api/types";
import { newProgram, type Program } from "./program";

export interface Example {
  title: string;
  about: string;
  program: Program;
}

/** Of one language, in the order in which they are shown: our own, or else the one that the server has. */
export async function examplesOf(language: Language): Promise<Example[]> {
  const { EXAMPLES } = await import("./examples-data");
  const own = EXAMPLES[language.name] ?? [];
  if (own.length > 0) return own;
  const about = `A small program in ${language.title}`;
  return [{ title: "First steps", about, program: newProgram(language, language.example) }];
}

export async function firstProgram(language: Language): Promise<Program> {
  const [first] = await examplesOf(language);
  return first?.program ?? newProgram(language, language.example);
}
