const { Worker } = require('worker_threads');
new Worker('setInterval(() => {}, 10)', { eval: true }).unref();
setInterval(() => {}, 10).unref();
const child = require('child_process').spawn('sleep', ['0.2'], { stdio: 'ignore' });
child.unref();
require('fs').writeFile('/tmp/file', 'x'.repeat(1000000), () => console.log('written'));
console.log('end of main');
