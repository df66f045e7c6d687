/** Downloads of the program, its output and its output files. */
import { fromBase64, type Stream } from "@executor/client";
import { baseName, type OutputFile } from "../files/output-file";
import type { ZipEntry } from "../files/zip";
import type { SourceFile } from "../program/program";
import { programOutput } from "./run-program";
import { outputFiles, program } from "./state";

/** Downloads a single file as it is, and several files as a zip archive. */
export async function downloadProgram(): Promise<void> {
  const files = program.value?.files ?? [];
  const [first] = files;
  if (!first) return;
  if (files.length === 1) save(contentOf(first), baseName(first.name));
  else await saveArchive(files.map(entryOf), "program.zip");
}

/** Downloads the program together with its output and its output files. */
export async function downloadAll(): Promise<void> {
  const sources = program.value?.files.map(entryOf) ?? [];
  const files = outputFiles.value.map(({ name, bytes }) => ({ name, content: bytes }));
  const output = programOutput();
  const text = output.size > 0 ? [{ name: "output.txt", content: output.bytes() }] : [];
  await saveArchive([...text, ...sources, ...files], "program.zip");
}

export function downloadFile({ name, bytes }: OutputFile): void {
  save(bytes, baseName(name));
}

/** Downloads the complete output of one stream, or of both in order of arrival. */
export function downloadOutput(stream?: Stream): void {
  save(programOutput().bytes(stream), `${stream ?? "output"}.txt`);
}

function entryOf(file: SourceFile): ZipEntry {
  return { name: file.name, content: contentOf(file) };
}

function contentOf({ content, encoding }: SourceFile): string | Uint8Array {
  return encoding === "base64" ? fromBase64(content) : content;
}

async function saveArchive(entries: ZipEntry[], name: string): Promise<void> {
  const { zip } = await import("../files/zip");
  save(zip(entries), name);
}

function save(content: string | Uint8Array, name: string): void {
  const blob = new Blob([typeof content === "string" ? content : new Uint8Array(content)]);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
