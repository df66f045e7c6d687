/** What compilers and interpreters say about which line: one table, for markers in the editor and links in the output. */

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
  /** Groups: `file`, `line`, and where they are said `column`, `severity`, `message`. */
  place: RegExp;
  /** Where the words stand if not beside the place: in a line before it, or after it. */
  words?: { where: "before" | "after"; pattern: RegExp };
  /** Of several places in a row, the one that is meant: the innermost call comes first, or last. */
  trace?: "first" | "last";
}

const GCC: Rule = {
  place:
    /^(?<file>[^\s:]+):(?<line>\d+):(?:(?<column>\d+):)? (?<severity>(?:fatal )?error|warning): (?<message>.*)/,
};
const THROWN = /^(?:Uncaught )?(?<message>\w*(?:Error|Exception)\b.*)/;
/** A program that threw has frames; one that could not be read has only the place. */
const NODE: Rule[] = [
  {
    place: /^ +at (?:.* \()?(?:file:\/\/)?(?<file>[^\s:()]+):(?<line>\d+):(?<column>\d+)\)?$/,
    words: { where: "before", pattern: THROWN },
    trace: "first",
  },
  {
    place: /^(?:file:\/\/)?(?<file>[^\s:()]+):(?<line>\d+)$/,
    words: { where: "after", pattern: THROWN },
  },
];
const TSC: Rule = {
  place:
    /^(?<file>[^\s:()]+)[(:](?<line>\d+)[,:](?<column>\d+)\)?(?::| -) (?<severity>error|warning) (?<message>.*)/,
};

/** By the editor mode of a language. */
const RULES: Record<string, Rule[]> = {
  c: [GCC],
  cpp: [GCC],
  java: [
    {
      place:
        /^(?<file>[^\s:]+\.java):(?<line>\d+): (?:(?<severity>error|warning): )?(?<message>.*)/,
    },
    {
      place: /^\s+at .*\((?<file>[\w$]+\.java):(?<line>\d+)\)/,
      words: {
        where: "before",
        pattern: /^(?:Exception in thread "[^"]*" |Caused by: )(?<message>\S.*)/,
      },
      trace: "first",
    },
  ],
  python: [
    {
      place: /^\s*File "(?<file>[^"]+)", line (?<line>\d+)/,
      words: {
        where: "after",
        pattern: /^(?<message>[\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Iteration)\b.*)/,
      },
      trace: "last",
    },
  ],
  javascript: NODE,
  typescript: [TSC, ...NODE],
  go: [
    { place: /^(?:\.\/)?(?<file>[^\s:]+\.go):(?<line>\d+):(?<column>\d+): (?<message>.*)/ },
    {
      place: /^\t(?<file>\S+\.go):(?<line>\d+)(?: \+0x[\da-f]+)?$/,
      words: { where: "before", pattern: /^(?<message>panic: .*)/ },
      trace: "first",
    },
  ],
  rust: [
    {
      place: /^ *--> (?<file>[^\s:]+):(?<line>\d+):(?<column>\d+)$/,
      words: {
        where: "before",
        pattern: /^(?<severity>error|warning)(?:\[\w+\])?: (?<message>.*)/,
      },
    },
    {
      place: /^thread '.*' (?:\(\d+\) )?panicked at (?<file>[^\s:]+):(?<line>\d+):(?<column>\d+):$/,
      words: { where: "after", pattern: /^(?<message>.+)/ },
    },
  ],
  shell: [{ place: /^(?<file>[^\s:]+): line (?<line>\d+): (?<message>.*)/ }],
  perl: [{ place: /^(?<message>\S.*) at (?<file>\S+) line (?<line>\d+)[.,]/ }],
  php: [{ place: /^(?:PHP )?(?<message>[A-Z].*) in (?<file>\S+?)(?: on line |:)(?<line>\d+)$/ }],
  ruby: [{ place: /^(?<file>[^\s:]+\.rb):(?<line>\d+):(?:in [^:]+:)? (?<message>.*)/ }],
  lua: [{ place: /^(?:\S*lua[\d.]*: )(?<file>[^\s:]+):(?<line>\d+): (?<message>.*)/ }],
};
/** How most tools say it, for languages that have no row. */
const USUAL: Rule[] = [
  GCC,
  TSC,
  { place: /^(?<file>[^\s:]+):(?<line>\d+):(?:(?<column>\d+):)? (?<message>.*)/ },
];
/** Lines looked at for the words that belong to a place. */
const NEAR = 60;
/** Lines that are looked at at all, and problems that are marked. */
const MAX_LINES = 5000;
const MAX_PROBLEMS = 100;
/** Longer lines are no messages of a compiler. */
const MAX_LENGTH = 1000;

/** The place that a line of output names, and where in the line it does. */
export function locate(
  text: string,
  mode: string,
  files: string[],
): (Location & { start: number; end: number }) | null {
  if (text.length > MAX_LENGTH) return null;
  for (const { place } of rulesFor(mode)) {
    const found = place.exec(text);
    const location = found && locationIn(found, files);
    if (!location) continue;
    const { file = "", line = "", message } = found.groups ?? {};
    const start = text.indexOf(file);
    // Up to the colon before the words, or to where file and line have both been said.
    const said = text.indexOf(line, start + file.length) + line.length;
    const words = message === undefined ? -1 : text.lastIndexOf(message);
    const column = /^[:,]\d+\)?/.exec(text.slice(said))?.[0].length ?? 0;
    return {
      ...location,
      start,
      end: words > said ? Math.min(said + column, words) : said + column,
    };
  }
  return null;
}

/** What is wrong where, said in the output of a compiler or of a program that died. */
export function findProblems(output: string, mode: string, files: string[]): Problem[] {
  const lines = output
    .split("\n", MAX_LINES)
    .map((line) => line.replace(/\r$/, "").slice(0, MAX_LENGTH));
  const problems: Problem[] = [];
  for (const rule of rulesFor(mode)) {
    const places = lines.flatMap((text, index) => {
      const found = rule.place.exec(text);
      const location = found && locationIn(found, files);
      return location ? [{ ...location, index, said: found.groups ?? {} }] : [];
    });
    for (const { index, said, ...location } of meant(places, rule)) {
      const near = rule.words ? wordsNear(lines, index, rule.words) : said;
      const message = near?.["message"]?.trim();
      if (!message) continue;
      problems.push({
        ...location,
        message,
        severity: near?.["severity"] === "warning" ? "warning" : "error",
      });
    }
    // The later rows of a language are for what the first do not find.
    if (problems.length > 0) break;
  }
  return problems.slice(0, MAX_PROBLEMS);
}

function rulesFor(mode: string): Rule[] {
  return RULES[mode] ?? USUAL;
}

function locationIn(found: RegExpExecArray, files: string[]): Location | null {
  const { file = "", line, column } = found.groups ?? {};
  const ours = files.find((name) => file === name || file.endsWith(`/${name}`));
  if (ours === undefined) return null;
  return { file: ours, line: Math.max(1, Number(line)), column: Math.max(1, Number(column ?? 1)) };
}

function meant<T>(places: T[], rule: Rule): T[] {
  if (rule.trace === undefined) return places;
  return places.slice(...(rule.trace === "first" ? [0, 1] : [-1]));
}

function wordsNear(
  lines: string[],
  index: number,
  { where, pattern }: NonNullable<Rule["words"]>,
): Record<string, string> | null {
  const near =
    where === "before"
      ? lines.slice(Math.max(0, index - NEAR), index).reverse()
      : lines.slice(index + 1, index + 1 + NEAR);
  for (const line of near) {
    const groups = pattern.exec(line)?.groups;
    if (groups) return groups;
  }
  return null;
}
