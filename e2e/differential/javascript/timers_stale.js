// A timer counts from its start, not from when the process last looked at the clock.
const { readFileSync } = require('fs');
const start = process.hrtime.bigint();
const passed = () => Number((process.hrtime.bigint() - start) / 1000000n);
const seen = [];
console.log(require('child_process').spawnSync('sleep', ['100'], { timeout: 50 }).error.code, passed() >= 49);
require('child_process').exec('sleep 100', { timeout: 200 }, (error) => seen.push(`child ${error.killed} ${error.signal} ${passed() >= 199}`));
setTimeout(() => seen.push(`timer ${passed() >= 249}`), 250);
const server = require('net').createServer((socket) => {
  socket.setTimeout(150, () => { seen.push(`idle ${passed() >= 149}`); socket.destroy(); server.close(); });
}).listen(0, '127.0.0.1', () => require('net').connect(server.address().port, '127.0.0.1').on('error', () => {}));
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
process.on('exit', () => console.log(seen.sort()));
