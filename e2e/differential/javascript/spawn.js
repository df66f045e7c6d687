const { spawnSync, execSync } = require('child_process');
console.log(execSync('cat; echo err >&2', { input: 'fed', encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] }));
console.log(spawnSync(process.execPath, ['-p', 'process.argv.length + process.execArgv.join() + module.children.length'], { encoding: 'utf8' }).stdout);
console.log(spawnSync('no-such-program').error.code);
