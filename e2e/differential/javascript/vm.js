const vm = require('vm');
console.log(vm.runInNewContext('x + 1', { x: 1 }), vm.isContext({}));
try {
  vm.runInThisContext('throw new Error("inside")', 'file.js');
} catch (error) {
  console.log(error.stack.split('\n').slice(0, 3));
}
console.log(eval('1 + 1'), new Function('return typeof require')(), (0, eval)('this === globalThis'));
