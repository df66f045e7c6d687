console.log('1');
setTimeout(() => console.log('timeout'), 0);
const start = Date.now();
while (Date.now() - start < 5);
setImmediate(() => console.log('immediate'));
process.nextTick(() => console.log('tick'));
Promise.resolve().then(() => console.log('promise'));
queueMicrotask(() => console.log('microtask'));
(async () => {
  console.log('async');
  await null;
  console.log('awaited');
})();
console.log('2');
