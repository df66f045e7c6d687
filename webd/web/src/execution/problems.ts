/**
 * Finds source locations in the messages of compilers and interpreters. One table serves both the markers in the
 * editor and the links in the output.
 */

export interface Location {
  file: string;
  line: number;
  column: number;
}

export interface Problem extends Location {
  message: string;
  severity: "error" | "warning";
}

interface Rule {
  /** Matches a location. Groups: `file`, `line`, and optionally `column`, `severity` and `message`. */
  location: RegExp;
  /** Matches the message if it is in a line before or after the location. */
  message?: { where: "before" | "after"; pattern: RegExp };
  /** Position of the innermost call in a stack trace; only this location is reported. */
  innermost?: "first" | "last";
}

const GCC: Rule = {
  location:
    /^(?<file>[^\s:]+):(?<line>\d+):(?:(?<column>\d+):)? (?<severity>(?:fatal )?error|warning): (?<message>.*)/,
};
const THROWN = /^(?:Uncaught )?(?<message>\w*(?:Error|Exception)\b.*)/;
/** An exception has stack frames; a syntax error has only a location. */
const NODE: Rule[] = [
  {
    location: /^ +at (?:.* \()?(?:file:\/\/)?(?<file>[^\s:()]+):(?<line>\d+):(?<column>\d+)\)?$/,
    message: { where: "before", pattern: THROWN },
    innermost: "first",
  },
  {
    location: /^(?:file:\/\/)?(?<file>[^\s:()]+):(?<line>\d+)$/,
    message: { where: "after", pattern: THROWN },
  },
];
const TSC: Rule = {
  location:
    /^(?<file>[^\s:()]+)[(:](?<line>\d+)[,:](?<column>\d+)\)?(?::| -) (?<severity>error|warning) (?<message>.*)/,
};

/** Rules by the editor mode of a language. */
const RULES: Record<string, Rule[]> = {
  c: [GCC],
  cpp: [GCC],
  java: [
    {
      location:
        /^(?<file>[^\s:]+\.java):(?<line>\d+): (?:(?<severity>error|warning): )?(?<message>.*)/,
    },
    {
      location: /^\s+at .*\((?<file>[\w$]+\.java):(?<line>\d+)\)/,
      message: {
        where: "before",
        pattern: /^(?:Exception in thread "[^"]*" |Caused by: )(?<message>\S.*)/,
      },
      innermost: "first",
    },
  ],
  python: [
    {
      location: /^\s*File "(?<file>[^"]+)", line (?<line>\d+)/,
      message: {
        where: "after",
        pattern: /^(?<message>[\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Iteration)\b.*)/,
      },
      innermost: "last",
    },
  ],
  javascript: NODE,
  typescript: [TSC, ...NODE],
  go: [
    { location: /^(?:\.\/)?(?<file>[^\s:]+\.go):(?<line>\d+):(?<column>\d+): (?<message>.*)/ },
    {
      location: /^\t(?<file>\S+\.go):(?<line>\d+)(?: \+0x[\da-f]+)?$/,
      message: { where: "before", pattern: /^(?<message>panic: .*)/ },
      innermost: "first",
    },
  ],
  rust: [
    {
      location: /^ *--> (?<file>[^\s:]+):(?<line>\d+):(?<column>\d+)$/,
      message: {
        where: "before",
        pattern: /^(?<severity>error|warning)(?:\[\w+\])?: (?<message>.*)/,
      },
    },
    {
      location:
        /^thread '.*' (?:\(\d+\) )?panicked at (?<file>[^\s:]+):(?<line>\d+):(?<column>\d+):$/,
      message: { where: "after", pattern: /^(?<message>.+)/ },
    },
  ],
  shell: [{ location: /^(?<file>[^\s:]+): line (?<line>\d+): (?<message>.*)/ }],
  perl: [{ location: /^(?<message>\S.*) at (?<file>\S+) line (?<line>\d+)[.,]/ }],
  php: [{ location: /^(?:PHP )?(?<message>[A-Z].*) in (?<file>\S+?)(?: on line |:)(?<line>\d+)$/ }],
  ruby: [{ location: /^(?<file>[^\s:]+\.rb):(?<line>\d+):(?:in [^:]+:)? (?<message>.*)/ }],
  lua: [{ location: /^(?:\S*lua[\d.]*: )(?<file>[^\s:]+):(?<line>\d+): (?<message>.*)/ }],
};
/** Common formats, for languages without a row. */
const COMMON: Rule[] = [
  GCC,
  TSC,
  { location: /^(?<file>[^\s:]+):(?<line>\d+):(?:(?<column>\d+):)? (?<message>.*)/ },
];
/** Lines between a location and its message, at most. */
const MAX_DISTANCE = 60;
/** Bounds for the lines that are searched and the problems that are reported. */
const MAX_LINES = 5000;
const MAX_PROBLEMS = 100;
/** Longer lines are not searched: compilers do not write them. */
const MAX_LENGTH = 1000;

/** Finds the location in a line of output, and where in the line it stands. */
export function locate(
  text: string,
  mode: string,
  files: string[],
): (Location & { start: number; end: number }) | null {
  if (text.length > MAX_LENGTH) return null;
  for (const rule of rulesFor(mode)) {
    const match = rule.location.exec(text);
    const location = match && programLocation(match, files);
    if (!location) continue;
    const { file = "", line = "", message } = match.groups ?? {};
    const start = text.indexOf(file);
    // The link covers file, line and column, and ends before the message.
    const lineEnd = text.indexOf(line, start + file.length) + line.length;
    const messageStart = message === undefined ? -1 : text.lastIndexOf(message);
    const column = /^[:,]\d+\)?/.exec(text.slice(lineEnd))?.[0].length ?? 0;
    const end = lineEnd + column;
    return { ...location, start, end: messageStart > lineEnd ? Math.min(end, messageStart) : end };
  }
  return null;
}

/** Finds the problems that a compiler, or a program that ended with an exception, reports in its output. */
export function findProblems(output: string, mode: string, files: string[]): Problem[] {
  const lines = output
    .split("\n", MAX_LINES)
    .map((line) => line.replace(/\r$/, "").slice(0, MAX_LENGTH));
  const problems: Problem[] = [];
  for (const rule of rulesFor(mode)) {
    const locations = lines.flatMap((text, index) => {
      const match = rule.location.exec(text);
      const location = match && programLocation(match, files);
      return location ? [{ ...location, index, groups: match.groups ?? {} }] : [];
    });
    for (const { index, groups: own, ...location } of innermostOnly(locations, rule)) {
      const groups = rule.message ? findMessage(lines, index, rule.message) : own;
      const message = groups?.["message"]?.trim();
      if (!message) continue;
      problems.push({
        ...location,
        message,
        severity: groups?.["severity"] === "warning" ? "warning" : "error",
      });
    }
    // The rules of a language are in order of preference.
    if (problems.length > 0) break;
  }
  return problems.slice(0, MAX_PROBLEMS);
}

function rulesFor(mode: string): Rule[] {
  return RULES[mode] ?? COMMON;
}

/** Returns the location of a match, or null if it is not in a file of the program. */
function programLocation(match: RegExpExecArray, files: string[]): Location | null {
  const { file: path = "", line, column } = match.groups ?? {};
  const file = files.find((name) => path === name || path.endsWith(`/${name}`));
  if (file === undefined) return null;
  return { file, line: Math.max(1, Number(line)), column: Math.max(1, Number(column ?? 1)) };
}

function innermostOnly<T>(locations: T[], rule: Rule): T[] {
  if (rule.innermost === undefined) return locations;
  return locations.slice(...(rule.innermost === "first" ? [0, 1] : [-1]));
}

function findMessage(
  lines: string[],
  index: number,
  { where, pattern }: NonNullable<Rule["message"]>,
): Record<string, string> | null {
  const candidates =
    where === "before"
      ? lines.slice(Math.max(0, index - MAX_DISTANCE), index).reverse()
      : lines.slice(index + 1, index + 1 + MAX_DISTANCE);
  for (const line of candidates) {
    const groups = pattern.exec(line)?.groups;
    if (groups) return groups;
  }
  return null;
}
