import type { Plugin } from "vite";

const DIFF_EDITORS = /\/(?:diffEditorWidget|multiDiffEditorWidget)\.js$/;
const EMPTY = "\0no-diff-editor";

/**
 * Replaces Monaco's two diff editors with empty classes. Monaco's entry point references them, so a bundler cannot
 * remove them, but the page does not use them. This saves 90 kB.
 */
export function withoutDiffEditors(): Plugin {
  return {
    name: "without-diff-editors",
    enforce: "pre",
    resolveId: (name) => (DIFF_EDITORS.test(name) ? EMPTY : null),
    load: (id) =>
      id === EMPTY
        ? "export class DiffEditorWidget {}\nexport class MultiDiffEditorWidget {}"
        : null,
  };
}
