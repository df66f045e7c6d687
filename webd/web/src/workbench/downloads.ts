/** Downloads of the program and its output. */
import type { Stream } from "../api/messages";
import { tar } from "../program/tar";
import { programOutput } from "./run-program";
import { program } from "./state";

/** Downloads a single file as it is, and several files as a tar archive. */
export function downloadProgram(): void {
  const files = program.value?.files ?? [];
  const [first] = files;
  if (!first) return;
  if (files.length === 1)
    save(new Blob([first.content]), first.name.split("/").at(-1) ?? first.name);
  else save(new Blob([new Uint8Array(tar(files))], { type: "application/x-tar" }), "program.tar");
}

/** Downloads the complete output of one stream, or of both in order of arrival. */
export function downloadOutput(stream?: Stream): void {
  save(new Blob([new Uint8Array(programOutput().bytes(stream))]), `${stream ?? "output"}.txt`);
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
