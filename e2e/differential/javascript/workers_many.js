const { Worker } = require('worker_threads');
(async () => {
  for (let round = 0; round < 3; round++) {
    const codes = await Promise.all(Array.from({ length: 4 }, (_, i) => new Promise((resolve) => {
      new Worker(`process.exit(${round * 10 + i})`, { eval: true }).on('exit', resolve);
    })));
    console.log(codes);
  }
  console.log(require('fs').readdirSync('/proc/self/task').length < 30);
})();
