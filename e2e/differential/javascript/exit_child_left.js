const { spawn } = require('child_process');
const child = spawn('sleep', ['0.2'], { detached: true, stdio: 'ignore' });
child.on('exit', () => console.log('never'));
child.unref();
setTimeout(() => console.log('timer'), 5);
setInterval(() => console.log('never'), 1e6).unref();
