const Module = require('module');
const own = new Module('/box/own.js');
own._compile('exports.a = __filename', '/box/own.js');
console.log(own.exports, Module._resolveFilename('./main.js', module), Module._nodeModulePaths('/a'), module.isPreloading);
const original = Module._load;
Module._load = function (request, ...rest) {
  console.log('loading', request);
  return original.call(this, request, ...rest);
};
require('./main.js' === 'x' ? 'y' : 'path');
console.log(Module.prototype.require.call(module, 'os').EOL.length, require('module').createRequire(__filename)('path').sep);
