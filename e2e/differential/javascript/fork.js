const { fork } = require('child_process');
if (process.argv[2] === 'child') {
  process.send({ argv: process.argv.slice(2), execArgv: process.execArgv, options: process.env.NODE_OPTIONS, connected: process.connected });
  process.on('message', (message) => {
    console.log('child got', message);
    process.exit(4);
  });
} else {
  const child = fork(__filename, ['child', 'b']);
  child.on('message', (message) => {
    console.log(message);
    child.send('go');
  });
  child.on('exit', (code, signal) => console.log(code, signal));
}
