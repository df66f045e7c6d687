/** The files under `examples/LANGUAGE/NUMBER-NAME/`, with what `example.json` says about them. */
import type { Example } from "./examples";
import type { Case } from "./program";

interface Description {
  title: string;
  about: string;
  /** The main file first. */
  files: string[];
  args?: string;
  stdin?: string;
  terminal?: boolean;
  cases?: Case[];
}

const FILES = import.meta.glob<string>("../../examples/*/*/*", {
  query: "?raw",
  import: "default",
  eager: true,
});
const DESCRIPTION = "/example.json";

export const EXAMPLES: Record<string, Example[]> = {};

for (const path of Object.keys(FILES).sort()) {
  if (!path.endsWith(DESCRIPTION)) continue;
  const directory = path.slice(0, -DESCRIPTION.length);
  const language = directory.split("/").at(-2) ?? "";
  const described = JSON.parse(FILES[path] ?? "") as Description;
  (EXAMPLES[language] ??= []).push({
    title: described.title,
    about: described.about,
    program: {
      language,
      files: described.files.map((name) => ({
        name,
        content: FILES[`${directory}/${name}`] ?? "",
      })),
      args: described.args ?? "",
      stdin: described.stdin ?? "",
      terminal: described.terminal ?? false,
      cases: described.cases ?? [],
    },
  });
}
