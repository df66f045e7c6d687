/** Files for the disk of whoever looks at the page. */
import type { Stream } from "../api/types";
import { tar } from "../program/tar";
import { keptOutput } from "./running";
import { program } from "./state";

/** One file as it is; several in an archive. */
export function downloadProgram(): void {
  const files = program.value?.files ?? [];
  const [first] = files;
  if (!first) return;
  if (files.length === 1)
    save(new Blob([first.content]), first.name.split("/").at(-1) ?? first.name);
  else save(new Blob([new Uint8Array(tar(files))], { type: "application/x-tar" }), "program.tar");
}

/** Every byte that was kept, of one stream or of both as they came. */
export function downloadOutput(stream?: Stream): void {
  save(new Blob([new Uint8Array(keptOutput().bytes(stream))]), `${stream ?? "output"}.txt`);
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
