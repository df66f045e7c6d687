const { createInterface } = require('readline');
const { executionAsyncId } = require('async_hooks');
const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
console.log(lines.terminal, lines.line, lines.listenerCount('line'), process.stdin.listenerCount('end'), lines.history);
lines.on('line', (line) => {
  console.log(JSON.stringify(line));
  if (line === 'stop') lines.close();
});
lines.once('close', () => {
  console.log('closed', process.stdin.isPaused(), process.stdin.listenerCount('data'), typeof executionAsyncId());
  process.nextTick(() => console.log('tick'));
  setImmediate(() => console.log('immediate'));
});
