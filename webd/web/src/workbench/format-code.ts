/** Formats the open file with the formatter of its language, which the server runs. */
import { computed, signal } from "@preact/signals";
import { ResponseError, type Language } from "@executor/client";
import { t } from "../i18n/text";
import { client } from "../api/client";
import { askForKey } from "./api-key";
import { changeFile } from "./editing";
import { postStatus } from "./live-region";
import { activeFile, language, notice, program } from "./state";

/** Headers are no sources of their own, so the server does not list their extensions. */
const HEADERS: Record<string, string[]> = { c: ["h"], cpp: ["h", "hh", "hpp", "hxx"] };
/** Lines of a formatter's message that are shown. */
const MAX_MESSAGE_LINES = 6;

/** The server is formatting. */
export const formatting = signal(false);

/** The open file, if the server can format it. */
export const formattable = computed(() => {
  const file = program.value?.files.find(({ name }) => name === activeFile.value);
  if (!file || file.encoding || language.value?.formatter === undefined) return null;
  const isMain = file === program.value?.files[0];
  return isMain || isSource(file.name, language.value) ? file : null;
});

/** Returns whether a file is in the language, by its extension. */
export function isSource(name: string, { extensions, editor }: Language): boolean {
  const extension = /\.([^./]+)$/.exec(name)?.[1] ?? "";
  return extensions.includes(extension) || (HEADERS[editor.mode]?.includes(extension) ?? false);
}

export async function formatFile(): Promise<void> {
  const file = formattable.value;
  if (!file || !language.value || formatting.value) return;
  formatting.value = true;
  const { name, content } = file;
  try {
    const request = { language: language.value.name, code: content, filename: name };
    const { code } = await client.format(request);
    // Unless the user has changed the file in the meantime.
    if (program.value?.files.includes(file)) {
      changeFile(name, code);
      postStatus(t("formatted"));
    }
  } catch (error) {
    const refused = error instanceof ResponseError;
    report(refused ? t("notFormatted", { message: firstLines(error.message) }) : t("serverSilent"));
    if (refused && error.code === "unauthorized") askForKey(formatFile);
  } finally {
    formatting.value = false;
  }
}

function report(message: string): void {
  notice.value = message;
  postStatus(message);
}

function firstLines(message: string): string {
  const lines = message.split("\n");
  return lines.length > MAX_MESSAGE_LINES
    ? `${lines.slice(0, MAX_MESSAGE_LINES).join("\n")}\n…`
    : message;
}
