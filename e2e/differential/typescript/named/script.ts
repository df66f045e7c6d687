import { double } from './helper.ts';

const words: string[] = process.argv.slice(2);
console.log(words, double(21), __filename.endsWith("/script.js"), require.main === module);
function fail(depth: number): never {
  if (depth > 0) fail(depth - 1);
  throw new Error(`at ${depth}`);
}
fail(2);
