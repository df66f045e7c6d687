const { Worker } = require('worker_threads');
const worker = new Worker('require("worker_threads").parentPort.postMessage(1); for (;;);', { eval: true });
worker.on('message', async () => console.log('terminated', await worker.terminate()));
worker.on('exit', (code) => {
  console.log('exit', code);
  new Worker('const kept = []; for (;;) kept.push(new Array(1000).fill(1.5));', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } })
    .on('error', (error) => console.log(error.code, error.message)).on('exit', (code) => {
      console.log(code);
      new Worker('(function f() { f(); })()', { eval: true, resourceLimits: { stackSizeMb: 1 } }).on('error', (error) => console.log(error.name, error.message));
    });
});
