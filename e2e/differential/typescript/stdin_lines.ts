import * as readline from 'node:readline';

const lines: string[] = [];
const input = readline.createInterface({ input: process.stdin });
input.on('line', (line: string) => lines.push(line));
input.on('close', () => {
    const numbers = lines.map(Number).filter((number) => !Number.isNaN(number));
    console.log(lines.length, numbers.reduce((a, b) => a + b, 0), process.argv.slice(2));
});
