const fs = require('fs');
const flags = [0, 1, 2].map((name) => fs.readFileSync(`/proc/self/fdinfo/${name}`, 'utf8').split('\n')[1]);
fs.writeSync(1, flags.join(' ') + '\n' + 'x'.repeat(300000) + '\n');
