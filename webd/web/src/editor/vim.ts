/** Vim keys for Monaco. */
import type { editor } from "monaco-editor/editor";
import { VimMode, initVimMode } from "monaco-vim";

/** What the types of the package leave out. */
interface Commands {
  defineEx(name: string, prefix: string, run: () => void): void;
}
const { Vim } = VimMode as unknown as { Vim: Commands };
// The page saves every change, so there is nothing to write.
Vim.defineEx("write", "w", () => undefined);

/** Adds Vim keys, and shows the mode and what is typed in `status`. Returns what removes both. */
export function addVimKeys(widget: editor.IStandaloneCodeEditor, status: HTMLElement): () => void {
  const mode = initVimMode(widget, status);
  return () => {
    mode.dispose();
    status.replaceChildren();
  };
}
