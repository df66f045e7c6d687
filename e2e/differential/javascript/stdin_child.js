// A child process reads the stdin of its parent.
const { spawnSync, spawn } = require('child_process');
console.log(spawnSync('head', ['-c', '4'], { stdio: ['inherit', 'pipe', 'inherit'] }).stdout.toString());
spawn('cat', { stdio: [0, 1, 2] }).on('exit', (code) => console.log('exit', code));
