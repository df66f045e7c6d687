const cells = new Int32Array(new SharedArrayBuffer(8));
const start = Date.now();
console.log(Atomics.wait(cells, 0, 0, 50), Date.now() - start >= 49, Atomics.wait(cells, 0, 1));
const waiting = Atomics.waitAsync?.(cells, 0, 0, 1000);
console.log(waiting?.async);
waiting?.value.then(console.log);
setTimeout(() => console.log(Atomics.notify(cells, 0)), 10);
