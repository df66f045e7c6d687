const fs = require('fs');
const piece = Buffer.alloc(3);
let text = '';
for (let length; (length = fs.readSync(0, piece)) > 0;) text += piece.toString('utf8', 0, length) + '|';
console.log(text, fs.readSync(0, piece), fs.fstatSync(0).isFIFO());
process.stdin.on('data', () => console.log('never')).on('end', () => console.log('end')).on('close', () => console.log('close'));
