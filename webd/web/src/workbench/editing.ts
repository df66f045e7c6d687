/** Changes of the program: each is kept in this browser. */
import { draft, forgetDraft, saveDraft } from "../program/drafts";
import { firstProgram } from "../program/examples";
import { freeName, type Case, type Program } from "../program/program";
import { isShared } from "../program/share";
import { activeFile, caseRows, language, languages, problems, program, setAside } from "./state";

/** Put a program into the editor. It is kept from its first change on. */
export function open(next: Program): void {
  program.value = next;
  activeFile.value = next.files[0]?.name ?? "";
  problems.value = [];
  caseRows.value = [];
}

export function change(part: Partial<Program>): void {
  if (!program.value) return;
  program.value = { ...program.value, ...part };
  saveDraft(program.value);
  leaveLink();
}

/** What was changed is no longer what the link says, and a reload must not bring that back. */
function leaveLink(): void {
  if (isShared(location.hash)) history.replaceState(null, "", location.pathname + location.search);
}

export function changeFile(name: string, content: string): void {
  const files = program.value?.files ?? [];
  const file = files.find((one) => one.name === name);
  if (!file || file.content === content) return;
  change({ files: files.map((one) => (one === file ? { name, content } : one)) });
}

export function addFile(): void {
  if (!program.value || !language.value) return;
  const name = freeName(program.value, language.value);
  change({ files: [...program.value.files, { name, content: "" }] });
  activeFile.value = name;
}

export function removeFile(name: string): void {
  const files = program.value?.files ?? [];
  if (files.length < 2) return;
  change({ files: files.filter((file) => file.name !== name) });
  if (activeFile.value === name) activeFile.value = program.value?.files[0]?.name ?? "";
}

export function renameFile(from: string, to: string): void {
  const files = program.value?.files ?? [];
  change({ files: files.map((file) => (file.name === from ? { ...file, name: to } : file)) });
  if (activeFile.value === from) activeFile.value = to;
}

export function changeCases(cases: Case[]): void {
  change({ cases });
  caseRows.value = cases.map(() => null);
}

/** To the last program in that language, or to a first one. */
export async function switchLanguage(name: string): Promise<void> {
  const next = languages.value.find((one) => one.name === name);
  if (!next) return;
  open(draft(name) ?? (await firstProgram(next)));
  if (program.value) saveDraft(program.value);
  leaveLink();
}

/** Back to the first program of the language. */
export async function reset(): Promise<void> {
  if (!language.value) return;
  forgetDraft(language.value.name);
  open(await firstProgram(language.value));
  leaveLink();
}

export function openExample(example: Program): void {
  open(example);
  saveDraft(example);
  leaveLink();
}

/** The program that was there before the one that came with the link. */
export function bringBack(): void {
  if (setAside.value) open(setAside.value);
  setAside.value = null;
  leaveLink();
}
