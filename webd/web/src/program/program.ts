import type { ExecuteRequest, Language } from "../api/messages";
import { splitArguments } from "./arguments";

export interface SourceFile {
  /** Path relative to the work directory. */
  name: string;
  content: string;
}

/** Input of a program, and the output that it should print. */
export interface Test {
  stdin: string;
  expected: string;
}

/** Limit of the server for runs in one request. */
export const MAX_TESTS = 64;

/** Program with its input and tests: everything that is saved, shared and sent. */
export interface Program {
  language: string;
  /** The first file is the main file. */
  files: SourceFile[];
  args: string;
  stdin: string;
  terminal: boolean;
  tests: Test[];
}

export interface Example {
  title: string;
  description: string;
  program: Program;
}

export function newProgram(language: Language, content: string): Program {
  return {
    language: language.name,
    files: [{ name: language.file_name, content }],
    args: "",
    stdin: "",
    terminal: false,
    tests: [],
  };
}

/** Returns the request that runs a program once. If its input is empty, the program reads what the user types. */
export function runRequest(program: Program): ExecuteRequest {
  const request = baseRequest(program);
  const args = splitArguments(program.args);
  if (args.length > 0) request.args = args;
  if (program.stdin !== "") request.stdin = program.stdin;
  return request;
}

/** Returns the request that compiles a program once and runs it for each test. */
export function testsRequest(program: Program): ExecuteRequest {
  const args = splitArguments(program.args);
  return { ...baseRequest(program), runs: program.tests.map(({ stdin }) => ({ stdin, args })) };
}

function baseRequest({ language, files }: Program): ExecuteRequest {
  return { language, files, encoding: "base64" };
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
  if (name === "") return "Enter a file name.";
  if (
    name.startsWith("/") ||
    name.split("/").some((part) => part === "" || part === "." || part === "..")
  )
    return "The file must be in the program's directory.";
  if (/[\u0000-\u001f\u007f]/.test(name)) return "The file name contains control characters.";
  if (new TextEncoder().encode(name).length > 255) return "The file name is too long.";
  if (otherNames.includes(name)) return "Another file has this name.";
  return null;
}
