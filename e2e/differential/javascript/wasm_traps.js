// (module (memory 1) (func (export "f") (param i32) (result i32) local.get 0 i32.load))
const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,9,1,7,0,32,0,40,2,0,11]);
const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
const attempt = (value) => { try { return f(value); } catch (error) { return `${error.name}: ${error.message}`; } };
console.log(attempt(0), attempt(65536), attempt(-1), attempt(65533), attempt(65532));
for (let i = 0; i < 100000; i++) f(i & 1023);
console.log(attempt(1 << 30));
new (require('worker_threads').Worker)(`const { f } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([${bytes}]))).exports;
try { f(1 << 30) } catch (error) { console.log('in a worker', error.message); }`, { eval: true });
