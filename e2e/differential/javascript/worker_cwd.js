// A worker notices that the main thread changed the directory.
const { Worker } = require('worker_threads');
console.log(process.chdir.name, process.chdir.length, process.chdir.disabled);
const worker = new Worker(`const { parentPort } = require('worker_threads');
parentPort.on('message', () => { parentPort.postMessage([process.cwd(), process.chdir.disabled]); });
parentPort.postMessage(process.cwd().length > 1);`, { eval: true });
let count = 0;
worker.on('message', (message) => {
  console.log(message);
  if (++count === 3) return worker.terminate();
  process.chdir(count === 1 ? '/tmp' : '/');
  worker.postMessage('again');
});
