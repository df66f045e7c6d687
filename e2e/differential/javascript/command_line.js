const fs = require('fs');
console.log(fs.readFileSync('/proc/self/comm', 'utf8'), fs.readlinkSync('/proc/self/exe'));
process.title = 'other';
console.log(process.title, fs.readFileSync('/proc/self/comm', 'utf8'), JSON.stringify(fs.readFileSync('/proc/self/cmdline', 'utf8')).slice(0, 40), process.argv.length);
process.env.NEW = 'x';
console.log(require('child_process').execFileSync('sh', ['-c', 'echo $NEW $0 $PWD'], { encoding: 'utf8' }));
