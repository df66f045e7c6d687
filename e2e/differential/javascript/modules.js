console.log(Object.keys(require.cache), require.main === module, module.id, module.filename, module.loaded, module.parent, module.children);
console.log(module.paths[0], require.resolve('fs'), module.constructor.name);
const Module = require('module');
console.log(Object.keys(Module._pathCache).length, Object.keys(Module._extensions), Module.globalPaths.length, Module.builtinModules.length);
console.log(__filename, __dirname, this === module.exports, arguments.length, typeof globalThis.require);
console.log(Module._load.name, Module.runMain.name, Module._preloadModules.name);
for (const name of ['./prelude.cjs', '/launcher/nothing', 'internal/test/binding']) {
  try {
    require(name);
  } catch (error) {
    console.log(error.code, error.requireStack);
  }
}
