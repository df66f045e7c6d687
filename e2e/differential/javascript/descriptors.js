const fs = require('fs');
for (const name of fs.readdirSync('/proc/self/fd').map(Number).sort((a, b) => a - b)) {
  try {
    console.log(name, fs.readlinkSync(`/proc/self/fd/${name}`).replace(/\d+/g, 'N'));
  } catch (error) {
    console.log(name, error.code);
  }
}
console.log(fs.openSync(__filename), fs.openSync(__filename));
for (const name of [0, 1, 2]) console.log(fs.readFileSync(`/proc/self/fdinfo/${name}`, 'utf8').split('\n')[1]);
