/** Rules for the source code as a whole. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { preProcessFile } from "typescript";
import { expect, test } from "vitest";
import { generateTypes } from "../../build/types";
import { MAX_TESTS } from "../../src/program/program";

const SOURCES = resolve(import.meta.dirname, "../../src");
/** Sources of the client library, which the page uses. */
const CLIENT = resolve(SOURCES, "../../../clients/typescript/src");

/** Returns the modules that each module of the page imports, including types and dynamic imports. */
function importGraph(): Map<string, string[]> {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  const modules = files.filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".d.ts"));
  return new Map(
    modules.map((module) => {
      const { importedFiles } = preProcessFile(readFileSync(join(SOURCES, module), "utf8"));
      const paths = importedFiles.map(({ fileName }) => fileName);
      const local = paths.filter((path) => path.startsWith(".") && !/\.css$|\?/.test(path));
      return [module, local.map((path) => resolveImport(module, path))];
    }),
  );
}

function resolveImport(from: string, path: string): string {
  const target = join(SOURCES, dirname(from), path);
  const file = [".ts", ".tsx", ""].map((end) => target + end).find((name) => existsSync(name));
  if (file === undefined) throw new Error(`${from} imports ${path}, which does not exist`);
  return relative(SOURCES, file);
}

/** Returns the first cycle that a depth-first search finds, as a path from a module to itself. */
function findCycle(graph: Map<string, string[]>): string[] | null {
  const finished = new Set<string>();
  const visit = (module: string, path: string[]): string[] | null => {
    if (path.includes(module)) return [...path.slice(path.indexOf(module)), module];
    if (finished.has(module)) return null;
    for (const imported of graph.get(module) ?? []) {
      const cycle = visit(imported, [...path, module]);
      if (cycle) return cycle;
    }
    finished.add(module);
    return null;
  };
  for (const module of graph.keys()) {
    const cycle = visit(module, []);
    if (cycle) return cycle;
  }
  return null;
}

test("the search for cycles finds a cycle", () => {
  const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges));
  expect(findCycle(graph({ a: ["b", "c"], b: ["c"], c: [] }))).toBeNull();
  expect(findCycle(graph({ a: ["b"], b: ["c"], c: ["b"] }))).toEqual(["b", "c", "b"]);
  expect(findCycle(graph({ a: ["a"] }))).toEqual(["a", "a"]);
});

test("modules do not import each other in a cycle", () => {
  const graph = importGraph();
  expect(graph.size).toBeGreaterThan(50);
  expect(graph.get("main.tsx")).toContain("ui/App.tsx");
  expect(findCycle(graph)).toBeNull();
});

/** Directories that a directory may import from; see README.md. */
const LAYERS: Record<string, string[]> = {
  i18n: [],
  api: [],
  program: ["i18n", "api"],
  execution: ["i18n", "api", "program"],
  files: ["api"],
  output: ["i18n", "api", "execution"],
  editor: ["i18n", "execution"],
  terminal: ["api", "editor"],
  workbench: ["i18n", "api", "program", "execution", "files", "output", "editor", "terminal"],
  ui: ["i18n", "api", "program", "execution", "files", "output", "editor", "terminal", "workbench"],
};

test("directories import only from the layers below them", () => {
  const violations = [...importGraph()].flatMap(([module, imports]) => {
    const layer = dirname(module);
    if (layer === ".") return [];
    const allowed = [layer, ...(LAYERS[layer] ?? [])];
    return imports
      .filter((imported) => !allowed.includes(dirname(imported)))
      .map((imported) => `${module} imports ${imported}`);
  });
  expect(violations).toEqual([]);
});

test("the types of the API's messages are up to date", async () => {
  const types = readFileSync(join(CLIENT, "types.ts"), "utf8");
  expect(types, "run `npm run types`").toBe(await generateTypes());
});

test("the number of tests has the server's limit", () => {
  const path = resolve(SOURCES, "../../src/api/openapi.json");
  const { components } = JSON.parse(readFileSync(path, "utf8")) as {
    components: { schemas: { ExecuteRequest: { properties: { runs: { maxItems: number } } } } };
  };
  expect(components.schemas.ExecuteRequest.properties.runs.maxItems).toBe(MAX_TESTS);
});
