import type { ExecuteRequest, Language } from "@executor/client";
import { t } from "../i18n/text";
import { splitArguments } from "./arguments";

export interface SourceFile {
  /** Path relative to the work directory. */
  name: string;
  content: string;
  /** The content is base64: the file is not text, and the editor does not show it. */
  encoding?: "base64";
}

/** Input of a program, and the output that it should print. */
export interface Test {
  stdin: string;
  expected: string;
}

/** Limits of the server for the files of a request. */
export const MAX_FILES = 128;
export const MAX_SOURCE_BYTES = 4 * 1024 * 1024;

/** Limit of the server for runs in one request. */
export const MAX_TESTS = 64;

/** Program with its input and tests: everything that is saved, shared and sent. */
export interface Program {
  language: string;
  /** Version of the language; empty for the default of the server. */
  version: string;
  /** Package set; empty for the default of the server. */
  packages: string;
  /** The first file is the main file. */
  files: SourceFile[];
  args: string;
  stdin: string;
  terminal: boolean;
  /** Options of the language that differ from their defaults. */
  options: Record<string, OptionValue>;
  tests: Test[];
  compare: Compare;
}

/** How the output of a test is compared with the expected one. */
export const COMPARES = ["lines", "tokens", "numbers", "exact"] as const;
export type Compare = (typeof COMPARES)[number];
/** Absolute or relative error up to which numbers are equal. */
const TOLERANCE = 1e-6;

/** Value of an option: of a flag, of a choice, or of a set. */
export type OptionValue = boolean | string | string[];

export interface Example {
  title: string;
  description: string;
  program: Program;
}

export function newProgram(language: Language, content: string): Program {
  return {
    language: language.name,
    version: "",
    packages: "",
    files: [{ name: language.file_name, content }],
    args: "",
    stdin: "",
    terminal: false,
    options: {},
    tests: [],
    compare: "lines",
  };
}

/** Sizes of output files that the page shows. The server lowers them to its own maxima. */
const OUTPUT_FILE_BYTES = 4 * 1024 * 1024;
const OUTPUT_FILES_BYTES = 8 * 1024 * 1024;

/** Returns the request that runs a program once. If its input is empty, the program reads what the user types. */
export function runRequest(program: Program): ExecuteRequest {
  const request: ExecuteRequest = {
    ...baseRequest(program),
    outputs: ["**"],
    limits: { output_file_bytes: OUTPUT_FILE_BYTES, output_files_bytes: OUTPUT_FILES_BYTES },
  };
  const args = splitArguments(program.args);
  if (args.length > 0) request.args = args;
  if (program.stdin !== "") request.stdin = program.stdin;
  return request;
}

/** Returns the request that compiles a program once, and runs and judges it for each test. */
export function testsRequest(program: Program): ExecuteRequest {
  const args = splitArguments(program.args);
  return {
    ...baseRequest(program),
    compare: program.compare === "numbers" ? { float: TOLERANCE } : program.compare,
    runs: program.tests.map(({ stdin, expected }) => ({ stdin, args, expected_stdout: expected })),
  };
}

function baseRequest({ language, version, packages, files, options }: Program): ExecuteRequest {
  return {
    language,
    files,
    encoding: "base64",
    ...(version !== "" && { version }),
    ...(packages !== "" && { packages }),
    ...(Object.keys(options).length > 0 && { options }),
  };
}

/** Returns a name for a new file. */
export function unusedFileName(program: Program, language: Language): string {
  const extension = language.extensions[0] ?? "txt";
  const used = new Set(program.files.map((file) => file.name));
  for (let number = program.files.length + 1; ; number++) {
    const name = `file${number}.${extension}`;
    if (!used.has(name)) return name;
  }
}

/** Returns why a file cannot have this name, or null if it can. */
export function fileNameError(name: string, otherNames: string[]): string | null {
  if (name === "") return t("fileNameEmpty");
  if (
    name.startsWith("/") ||
    name.split("/").some((part) => part === "" || part === "." || part === "..")
  )
    return t("fileNameOutside");
  if (/[\u0000-\u001f\u007f]/.test(name)) return t("fileNameControl");
  if (new TextEncoder().encode(name).length > 255) return t("fileNameLong");
  if (otherNames.includes(name)) return t("fileNameTaken");
  return null;
}
