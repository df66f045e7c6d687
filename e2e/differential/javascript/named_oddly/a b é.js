const { Worker, isMainThread, workerData } = require('worker_threads');
console.log(process.argv[1], isMainThread, __filename, require('./a b é.js') === module.exports);
new Worker('console.log(process.argv.length, require("module").runMain.name)', { eval: true, workerData })
  .on('exit', (code) => console.log('worker', code));
