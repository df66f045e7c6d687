const { spawnSync } = require('child_process');
for (const code of ['process.exit(3)', 'process.exitCode = 4', 'process.exit("5")', 'process.exitCode = 300', 'process.exit(-1)', 'process.exit(1.5)']) {
  const done = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  console.log(code, done.status, done.stderr.split('\n')[4]);
}
process.exitCode = 42;
