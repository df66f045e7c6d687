// Type numbers, each followed by Enter. “End of input” prints the sum.
import { createInterface } from "node:readline";

let sum = 0;
console.log("Numbers, please:");
for await (const line of createInterface({ input: process.stdin })) {
  const number = Number(line);
  if (Number.isNaN(number)) console.error(`“${line}” is not a number`);
  else console.log(`${(sum += number)} so far`);
}
console.log(`Sum: ${sum}`);
