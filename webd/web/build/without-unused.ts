import type { Plugin } from "vite";

/**
 * Modules of Monaco that the page does not use, with what replaces their exports. Others import them, so that a bundler cannot
 * remove them. No replacement is ever called: each belongs to a feature that is not registered or is turned off.
 */
const UNUSED: [RegExp, string][] = [
  // Two editors that compare files.
  [/\/diffEditorWidget\.js$/, "export class DiffEditorWidget {}"],
  [/\/multiDiffEditorWidget\.js$/, "export class MultiDiffEditorWidget {}"],
  // The command palette and other lists with a search.
  [/\/quickInputController\.js$/, "export class QuickInputController {}"],
  // The list of quick fixes, which need a language service, and of ways to paste (`pasteAs`).
  [
    /\/actionList\.js$/,
    `export class ActionList {}
    export const acceptSelectedActionCommand = "acceptSelectedCodeAction";
    export const previewSelectedActionCommand = "previewSelectedCodeAction";`,
  ],
  // An experiment that draws lines with WebGPU (`experimentalGpuAcceleration`).
  [/\/viewLinesGpu\.js$/, "export class ViewLinesGpu {}"],
  [/\/viewGpuContext\.js$/, "export class ViewGpuContext {}"],
];
const PREFIX = "\0unused:";

/** Replaces unused parts of Monaco. Without the editors that compare files it has 90 kB less, and without the others 37 kB less. */
export function withoutUnused(): Plugin {
  return {
    name: "without-unused",
    enforce: "pre",
    resolveId(name) {
      const index = UNUSED.findIndex(([module]) => module.test(name));
      return index === -1 ? null : `${PREFIX}${index}`;
    },
    load(id) {
      return id.startsWith(PREFIX) ? UNUSED[Number(id.slice(PREFIX.length))]?.[1] : null;
    },
  };
}
