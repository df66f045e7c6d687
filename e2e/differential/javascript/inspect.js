const util = require('util');
console.log(util.inspect(new Proxy({}, {}), { showProxy: true }), [, 1], new Map([[{}, new Set([1n])]]), Symbol('s'), -0, [undefined]);
console.log(util.format('%s %d %i %f %j %o %O %c %%', 'a', 1.5, 1.5, '1.5', {}, [1], { b: 2 }, 'css'), new (class Foo { #x = 1; y = 2; })());
console.log(util.inspect(globalThis).length > 100, RegExp.$1, RegExp.lastMatch, JSON.stringify(RegExp.input));
console.log(Object.assign(() => {}, { a: 1 }), [new Date(0)], new Error('e').message, process.versions.node.split('.').length);
console.log(util.inspect(process, { depth: 0 }).includes('launcher'));
