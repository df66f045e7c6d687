// Type a number and press Enter; “End of input” ends it.
import { createInterface } from "node:readline";

let sum = 0;
console.log("Numbers, please:");
for await (const line of createInterface({ input: process.stdin })) {
  const number = Number(line);
  if (Number.isNaN(number)) console.error(`“${line}” is not a number`);
  else console.log(`${(sum += number)} so far`);
}
console.log(`Together: ${sum}`);
