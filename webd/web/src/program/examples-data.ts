/** Examples from `examples/LANGUAGE/NUMBER-NAME/`. Each directory has an `example.json` and the files it lists. */
import type { Example, OptionValue, Test } from "./program";

/** Content of `example.json`. */
interface Manifest {
  title: string;
  description: string;
  /** The first file is the main file. */
  files: string[];
  args?: string;
  stdin?: string;
  terminal?: boolean;
  options?: Record<string, OptionValue>;
  tests?: Test[];
}

const FILES = import.meta.glob<string>("../../examples/*/*/*", {
  query: "?raw",
  import: "default",
  eager: true,
});
const MANIFEST = "/example.json";

export const EXAMPLES: Record<string, Example[]> = {};

for (const path of Object.keys(FILES).sort()) {
  if (!path.endsWith(MANIFEST)) continue;
  const directory = path.slice(0, -MANIFEST.length);
  const language = directory.split("/").at(-2) ?? "";
  const manifest = JSON.parse(FILES[path] ?? "") as Manifest;
  (EXAMPLES[language] ??= []).push({
    title: manifest.title,
    description: manifest.description,
    program: {
      language,
      version: "",
      packages: "",
      files: manifest.files.map((name) => ({
        name,
        content: FILES[`${directory}/${name}`] ?? "",
      })),
      args: manifest.args ?? "",
      stdin: manifest.stdin ?? "",
      terminal: manifest.terminal ?? false,
      options: manifest.options ?? {},
      tests: manifest.tests ?? [],
      compare: "lines",
    },
  });
}
