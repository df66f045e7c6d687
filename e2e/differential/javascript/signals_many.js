let count = 0, both = 2;
const { spawn } = require('child_process');
process.on('SIGUSR2', () => { if (++count === 5) left(); else process.kill(process.pid, 'SIGUSR2'); });
const wait = setInterval(() => {}, 1000);
spawn('sh', ['-c', `kill -USR2 ${process.pid}`]).on('exit', (code, signal) => { console.log(code, signal); left(); });
function left() {
  if (--both > 0) return;
  console.log('five', count);
  process.removeAllListeners('SIGUSR2');
  clearInterval(wait);
  const child = spawn('sleep', ['100']).on('exit', (code, signal) => { console.log(code, signal, child.killed); for (const name of ['SIGPIPE', 'SIGHUP', 'SIGWINCH']) process.on(name, () => console.log(name)); process.kill(process.pid, 'SIGHUP'); process.kill(process.pid, 'SIGPIPE'); setTimeout(() => process.kill(process.pid, 'SIGALRM'), 20); });
  child.kill('SIGINT');
}
