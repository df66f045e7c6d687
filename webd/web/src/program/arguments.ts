/** Splits a line into arguments as a shell does: at blanks that are neither quoted nor escaped. */
export function splitArguments(text: string): string[] {
  const args: string[] = [];
  let arg: string | null = null;
  let quote: string | null = null;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (quote === null && /\s/.test(character)) {
      if (arg !== null) args.push(arg);
      arg = null;
    } else if (quote === null && (character === '"' || character === "'")) {
      quote = character;
      arg ??= "";
    } else if (character === quote) {
      quote = null;
    } else if (character === "\\" && quote !== "'" && index + 1 < text.length) {
      index++;
      arg = (arg ?? "") + text.charAt(index);
    } else {
      arg = (arg ?? "") + character;
    }
  }
  if (arg !== null) args.push(arg);
  return args;
}
