/** Changes to the program. Each change is saved as a draft in this browser. */
import type { Language } from "@executor/client";
import { t } from "../i18n/text";
import { deleteDraft, loadDraft, saveDraft } from "../program/drafts";
import { firstProgram } from "../program/examples";
import {
  MAX_SOURCE_BYTES,
  unusedFileName,
  type Program,
  type SourceFile,
  type Test,
} from "../program/program";
import { isShared } from "../program/share";
import { sourceFile, withUploads } from "../program/upload";
import { EMBEDDED } from "./embedded";
import {
  activeFile,
  language,
  languages,
  notice,
  problems,
  program,
  replacedProgram,
  testResults,
} from "./state";

/** The program that is being loaded. It is opened unless the user opens another one before. */
let loading: Promise<Program> | null = null;

/** Opens a program in the editor. It is saved as a draft once the user changes it. */
export function openProgram(next: Program): void {
  loading = null;
  program.value = next;
  activeFile.value = next.files[0]?.name ?? "";
  problems.value = [];
  testResults.value = [];
}

/** Opens a program when it is loaded. Returns whether it was opened: not if another one was opened in the meantime. */
async function openWhenLoaded(next: Promise<Program>): Promise<boolean> {
  loading = next;
  try {
    const loaded = await next;
    if (loading !== next) return false;
    openProgram(loaded);
    return true;
  } finally {
    if (loading === next) loading = null;
  }
}

/** Returns when the program that the user chose last is open or cannot be loaded; null if none is being loaded. */
export function programLoaded(): Promise<unknown> | null {
  return loading?.catch(() => undefined) ?? null;
}

export function changeProgram(changes: Partial<Program>): void {
  if (!program.value) return;
  program.value = { ...program.value, ...changes };
  // A snippet of another page is no draft of the user.
  if (!EMBEDDED) saveDraft(program.value);
  removeLink();
}

/** Removes a shared program from the page's URL: a reload would discard the user's changes. */
function removeLink(): void {
  if (isShared(location.hash)) history.replaceState(null, "", location.pathname + location.search);
}

export function changeFile(name: string, content: string): void {
  const files = program.value?.files ?? [];
  const changed = files.find((file) => file.name === name);
  if (!changed || changed.encoding || changed.content === content) return;
  changeProgram({ files: files.map((file) => (file === changed ? { name, content } : file)) });
}

/** Adds files of the user's computer to the program. */
export async function uploadFiles(uploads: Iterable<File>): Promise<void> {
  const added: SourceFile[] = [];
  for (const upload of uploads) {
    if (upload.size > MAX_SOURCE_BYTES) {
      notice.value = t("fileTooLarge", { name: upload.name });
      return;
    }
    added.push(sourceFile(upload.name, new Uint8Array(await upload.arrayBuffer())));
  }
  const files = withUploads(program.value?.files ?? [], added);
  if (typeof files === "string") notice.value = files;
  else if (added[0]) {
    changeProgram({ files });
    activeFile.value = added[0].name;
  }
}

export function addFile(): void {
  if (!program.value || !language.value) return;
  const name = unusedFileName(program.value, language.value);
  changeProgram({ files: [...program.value.files, { name, content: "" }] });
  activeFile.value = name;
}

export function removeFile(name: string): void {
  const files = program.value?.files ?? [];
  if (files.length < 2) return;
  changeProgram({ files: files.filter((file) => file.name !== name) });
  if (activeFile.value === name) activeFile.value = program.value?.files[0]?.name ?? "";
}

export function renameFile(from: string, to: string): void {
  const files = program.value?.files ?? [];
  changeProgram({
    files: files.map((file) => (file.name === from ? { ...file, name: to } : file)),
  });
  if (activeFile.value === from) activeFile.value = to;
}

export function changeTests(tests: Test[]): void {
  changeProgram({ tests });
  testResults.value = tests.map(() => null);
}

/** Opens the draft of a language, or else its first example. Returns whether it was opened: see {@link openWhenLoaded}. */
export async function openLanguage(next: Language): Promise<boolean> {
  const draft = loadDraft(next.name);
  if (!draft) return openWhenLoaded(firstProgram(next));
  openProgram(draft);
  return true;
}

export async function switchLanguage(name: string): Promise<void> {
  const next = languages.value.find((candidate) => candidate.name === name);
  if (!next || !(await openLanguage(next))) return;
  if (program.value) saveDraft(program.value);
  removeLink();
}

/** Replaces the draft of the current language with its first example. */
export async function startOver(): Promise<void> {
  if (!language.value) return;
  deleteDraft(language.value.name);
  if (await openWhenLoaded(firstProgram(language.value))) removeLink();
}

export function openExample(example: Program): void {
  openProgram(example);
  saveDraft(example);
  removeLink();
}

/** Restores the draft that a program from a link replaced. */
export function restoreProgram(): void {
  if (replacedProgram.value) openProgram(replacedProgram.value);
  replacedProgram.value = null;
  removeLink();
}
