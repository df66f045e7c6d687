import { fork } from 'node:child_process';
import Module from 'node:module';

console.log(process.argv.length, import.meta.url, Module.runMain.name, process.mainModule);
if (process.argv[2] === 'child') {
  console.log('child', process.argv.slice(1));
} else {
  const child = fork(process.argv[1], ['child']);
  await new Promise((resolve) => child.on('exit', resolve));
  console.log(new Error('stack').stack);
  await Promise.reject(new TypeError('never caught'));
}
