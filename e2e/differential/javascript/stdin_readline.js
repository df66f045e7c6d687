const lines = require('readline').createInterface({ input: process.stdin, output: process.stdout });
lines.question('name? ', async (name) => {
  console.log('hello', name);
  for await (const line of lines) console.log(JSON.stringify(line));
});
lines.on('close', () => console.log('closed'));
