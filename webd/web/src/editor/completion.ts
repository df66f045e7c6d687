/** Suggestions while the user types: words of the open files, and keywords and standard names of the language. */
import { languages, type IRange } from "monaco-editor/editor";

/** Longer texts are not searched for words on each key. */
const MAX_TEXT = 200_000;
/** Words that are suggested from a text. */
const MAX_WORDS = 2000;

export function provideCompletions(): void {
  languages.registerCompletionItemProvider("*", {
    async provideCompletionItems(model, position) {
      const word = model.getWordUntilPosition(position);
      const range: IRange = {
        startLineNumber: position.lineNumber,
        endLineNumber: position.lineNumber,
        startColumn: word.startColumn,
        endColumn: word.endColumn,
      };
      // Of the same time as the word, which grows while a file is loaded.
      const text = model.getValueLength() > MAX_TEXT ? "" : model.getValue();
      // Loaded when the user types, and not before the first program runs.
      const { SUGGESTED_WORDS } = await import("./words");
      const known = SUGGESTED_WORDS[model.getLanguageId()] ?? [];
      return { suggestions: suggestions(text, known, word.word, range) };
    },
  });
}

function suggestions(
  text: string,
  known: readonly string[],
  typed: string,
  range: IRange,
): languages.CompletionItem[] {
  const item = (label: string, kind: languages.CompletionItemKind) => ({
    label,
    kind,
    insertText: label,
    range,
  });
  return [
    ...wordsOf(text, typed, known).map((word) => item(word, languages.CompletionItemKind.Text)),
    ...known.map((word) => item(word, languages.CompletionItemKind.Keyword)),
  ];
}

/** Returns the words of a text with at least three letters, without the one that is being typed and those that are known. */
export function wordsOf(text: string, typed: string, known: readonly string[]): string[] {
  const words = new Map<string, number>();
  for (const [word] of text.matchAll(/[\p{L}_][\p{L}\p{N}_]{2,63}/gu)) {
    words.set(word, (words.get(word) ?? 0) + 1);
    if (words.size > MAX_WORDS) break;
  }
  // The word at the cursor is in the text, too.
  if (words.get(typed) === 1) words.delete(typed);
  for (const word of known) words.delete(word);
  return [...words.keys()];
}
