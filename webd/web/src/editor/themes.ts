import { editor } from "monaco-editor/editor";
import type { EditorTheme } from "./editor";

export const MONACO_THEMES: Record<EditorTheme, string> = {
  light: "executor-light",
  dark: "executor-dark",
  contrast: "hc-black",
};

/** Defines themes with the page's background colors. */
export function defineThemes(): void {
  editor.defineTheme("executor-light", {
    base: "vs",
    inherit: true,
    rules: [
      { token: "comment", foreground: "5c6b62", fontStyle: "italic" },
      { token: "keyword", foreground: "7a2e8f" },
      { token: "string", foreground: "1b6b3a" },
      { token: "number", foreground: "a04a00" },
      { token: "type", foreground: "0f5e8c" },
    ],
    colors: {
      "editor.background": "#ffffff",
      "editor.foreground": "#1d2026",
      "editorLineNumber.foreground": "#6b7280",
      "editorLineNumber.activeForeground": "#444a55",
      "editor.lineHighlightBackground": "#f6f7f9",
      "editor.lineHighlightBorder": "#00000000",
      "editor.selectionBackground": "#cfd9fb",
      "editorCursor.foreground": "#3d4fd1",
      "editorIndentGuide.background1": "#eceef2",
      "editorIndentGuide.activeBackground1": "#cdd2db",
    },
  });
  editor.defineTheme("executor-dark", {
    base: "vs-dark",
    inherit: true,
    rules: [
      { token: "comment", foreground: "8b9a90", fontStyle: "italic" },
      { token: "keyword", foreground: "d3a3ea" },
      { token: "string", foreground: "9ed8a6" },
      { token: "number", foreground: "f0b981" },
      { token: "type", foreground: "8cc8f0" },
    ],
    colors: {
      "editor.background": "#181a20",
      "editor.foreground": "#e3e6ec",
      "editorLineNumber.foreground": "#8b93a1",
      "editorLineNumber.activeForeground": "#b4bac6",
      "editor.lineHighlightBackground": "#1f222a",
      "editor.lineHighlightBorder": "#00000000",
      "editor.selectionBackground": "#38437c",
      "editorCursor.foreground": "#a3b0ff",
      "editorIndentGuide.background1": "#262a33",
      "editorIndentGuide.activeBackground1": "#444a57",
    },
  });
}
