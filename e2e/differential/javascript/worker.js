const { Worker, isMainThread, threadId, parentPort, workerData } = require('worker_threads');
if (isMainThread) {
  console.log(threadId, parentPort);
  const worker = new Worker(__filename, { workerData: { a: 1 }, argv: ['x'] });
  worker.on('message', (message) => console.log(message));
  worker.on('exit', (code) => {
    console.log('exit', code);
    new Worker('require("worker_threads").parentPort.postMessage([process.execArgv, process._preload_modules, Object.keys(require.cache)])', { eval: true, execArgv: [] })
      .on('message', (message) => console.log(message))
      .on('exit', () => new Worker('throw new Error("in a worker")', { eval: true }));
  });
} else {
  console.log('to stdout from a worker');
  // What a worker writes and what it posts go different ways to the main thread.
  process.stdout.write('and written\n', () => parentPort.postMessage({ threadId, workerData, argv: process.argv, execArgv: process.execArgv, cache: Object.keys(require.cache), preload: process._preload_modules, options: process.env.NODE_OPTIONS, main: require.main === module, descriptors: require('fs').openSync(__filename) > 3, stack: new Error('x').stack, uptime: process.uptime() < 5, now: performance.now() < 2000, moduleChildren: module.children.length }));
}
