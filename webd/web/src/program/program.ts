import type { ExecuteRequest, Language, SourceFile } from "../api/types";
import { splitArguments } from "./arguments";

/** One input of a program, and what it ought to print. */
export interface Case {
  stdin: string;
  expected: string;
}

/** What is in the editor and around it: all that is saved, shared and sent. */
export interface Program {
  language: string;
  /** The main file first. */
  files: SourceFile[];
  args: string;
  stdin: string;
  terminal: boolean;
  cases: Case[];
}

export function newProgram(language: Language, content: string): Program {
  return {
    language: language.name,
    files: [{ name: language.file_name, content }],
    args: "",
    stdin: "",
    terminal: false,
    cases: [],
  };
}

/** What to send to run it once. Without prepared input, and where typing reaches it, the input is open. */
export function runRequest(program: Program): ExecuteRequest {
  const request = base(program);
  const args = splitArguments(program.args);
  if (args.length > 0) request.args = args;
  if (program.stdin !== "") request.stdin = program.stdin;
  return request;
}

/** What to send to try all its cases after one compilation. */
export function casesRequest(program: Program): ExecuteRequest {
  const args = splitArguments(program.args);
  return { ...base(program), runs: program.cases.map(({ stdin }) => ({ stdin, args })) };
}

function base({ language, files }: Program): ExecuteRequest {
  return { language, files, encoding: "base64" };
}

/** A name for one more file, like those there are. */
export function freeName(program: Program, language: Language): string {
  const extension = language.extensions[0] ?? "txt";
  const taken = new Set(program.files.map((file) => file.name));
  for (let number = program.files.length + 1; ; number++) {
    const name = `file${number}.${extension}`;
    if (!taken.has(name)) return name;
  }
}

/** Why a file can not have this name, or null if it can. */
export function wrongName(name: string, others: string[]): string | null {
  if (name === "") return "A file needs a name.";
  if (
    name.startsWith("/") ||
    name.split("/").some((part) => part === "" || part === "." || part === "..")
  )
    return "The name must stay inside the program's own directory.";
  if (/[\u0000-\u001f\u007f]/.test(name)) return "The name has control characters in it.";
  if (new TextEncoder().encode(name).length > 255) return "The name is too long.";
  if (others.includes(name)) return "Another file has this name.";
  return null;
}
