/** Start of the page: loads the languages and opens the first program. */
import type { Language } from "@executor/client";
import { fetchLanguages } from "../api/server";
import { t } from "../i18n/text";
import { lastLanguage, loadDraft } from "../program/drafts";
import { fromFragment, isShared } from "../program/share";
import { waitForServer } from "./connectivity";
import { openLanguage, openProgram } from "./editing";
import { EMBEDDED } from "./embedded";
import type { Program } from "../program/program";
import { languages, notice, program, replacedProgram, server } from "./state";

/** Languages for new users, in order of preference. */
const DEFAULT_LANGUAGES = ["python", "javascript"];

export async function start(): Promise<void> {
  try {
    languages.value = await fetchLanguages();
    server.value = "online";
  } catch {
    waitForServer(start);
    return;
  }
  if (!program.value) await openFirstProgram(languages.value);
}

async function openFirstProgram(available: Language[]): Promise<void> {
  const find = (name: string | null) =>
    available.find(
      (language) => language.name === name || (name !== null && language.aliases.includes(name)),
    );
  if (isShared(location.hash)) {
    if (await openLinkedProgram()) return;
    notice.value = t("invalidLink");
  }
  const requested = new URLSearchParams(location.search).get("lang")?.toLowerCase() ?? null;
  const language =
    find(requested) ??
    find(lastLanguage()) ??
    DEFAULT_LANGUAGES.map(find).find((candidate) => candidate?.available) ??
    available.find((candidate) => candidate.available);
  if (language) await openLanguage(language);
}

/** Finds the language by its name or an alias, and names a file that has no name. */
function withLanguage(program: Program): Program {
  const wanted = program.language.toLowerCase();
  const found = languages.value.find(
    ({ name, aliases }) => name === wanted || aliases.includes(wanted),
  );
  if (!found) return program;
  const files = program.files.map((file) => ({ ...file, name: file.name || found.file_name }));
  return { ...program, language: found.name, files };
}

/** Opens the program in the page's URL. The user can restore the draft that it replaces. */
export async function openLinkedProgram(): Promise<boolean> {
  const parsed = await fromFragment(location.hash);
  const linked = parsed && withLanguage(parsed);
  if (!linked) return false;
  const draft = EMBEDDED ? null : loadDraft(linked.language);
  replacedProgram.value = draft && JSON.stringify(draft) !== JSON.stringify(linked) ? draft : null;
  openProgram(linked);
  return true;
}
