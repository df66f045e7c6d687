const fs = require('fs');
console.log('before');
fs.closeSync(0);
const file = fs.openSync('/dev/null', 'r+');
fs.writeSync(1, `${file}\n`);
process.stdin.on('error', () => {});
process.stderr.write('error\n');
