import type { Language } from "@executor/client";
import { t } from "../i18n/text";
import { newProgram, type Example, type Program } from "./program";

/** Returns the examples of a language: those of the page, or else the one of the server, also if those cannot be loaded. */
export async function examplesOf(language: Language): Promise<Example[]> {
  const data = await import("./examples-data").catch(() => null);
  const examples = data?.EXAMPLES[language.name] ?? [];
  if (examples.length > 0) return examples;
  const program = newProgram(language, language.example);
  const description = t("smallProgram", { language: language.title });
  return [{ title: t("firstSteps"), description, program }];
}

export async function firstProgram(language: Language): Promise<Program> {
  const [first] = await examplesOf(language);
  return first?.program ?? newProgram(language, language.example);
}
