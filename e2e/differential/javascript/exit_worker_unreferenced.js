const { Worker } = require('worker_threads');
const worker = new Worker('setInterval(() => {}, 1000); require("worker_threads").parentPort.postMessage("up")', { eval: true });
worker.on('exit', () => console.log('never'));
worker.once('message', (message) => {
  console.log(message);
  worker.unref();
});
