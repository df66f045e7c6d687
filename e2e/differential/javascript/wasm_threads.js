const { Worker } = require('worker_threads');
const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true });
const cells = new Int32Array(memory.buffer);
let left = 3;
for (let i = 0; i < 3; i++) {
  new Worker(`const { workerData } = require('worker_threads');
const cells = new Int32Array(workerData.buffer);
for (let i = 0; i < 10000; i++) Atomics.add(cells, 0, 1);
Atomics.notify(cells, 1);
Atomics.wait(cells, 2, 0);
Atomics.add(cells, 3, 1);`, { eval: true, workerData: memory }).on('exit', (code) => {
    console.log('exit', code);
    if (--left === 0) console.log(cells[0], cells[3], memory.grow(1), memory.buffer.byteLength);
  });
}
setTimeout(() => { Atomics.store(cells, 2, 1); console.log(Atomics.notify(cells, 2) <= 3); }, 50);
