const Module = require('module');
console.log(JSON.stringify(process.argv), process.execArgv, process.title, __filename, require.main === module);
console.log(process.mainModule.filename, module.id, JSON.stringify(Object.keys(require.cache)), require('./helper')(21));
console.log(Object.getOwnPropertyDescriptor(Module, 'runMain'), Object.keys(Module), Module.runMain.name);
console.log(JSON.stringify(Object.keys(Module._pathCache)));
console.log(new Error('stack').stack);
function fail(depth) {
  if (depth > 0) fail(depth - 1);
  throw new RangeError('never caught');
}
process.on('exit', (code) => console.log('exit', code));
fail(3);
