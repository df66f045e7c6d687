const fs = require('fs');
const directory = fs.mkdtempSync('/tmp/watched-');
process.on('exit', () => fs.rmSync(directory, { recursive: true }));
const watcher = fs.watch(directory, (kind, name) => {
  console.log(kind, name);
  watcher.close();
  fs.writeFileSync(`${directory}/polled`, 'a');
  fs.watchFile(`${directory}/polled`, { interval: 20 }, (now, before) => {
    console.log('polled', now.size, before.size);
    fs.unwatchFile(`${directory}/polled`);
  });
  setTimeout(() => fs.writeFileSync(`${directory}/polled`, 'abc'), 60);
});
fs.writeFileSync(`${directory}/file`, 'x');
