// tries: to find data of an earlier program, or of its user, in memory that the zygote of Node had
// threat: d/neighbours
// stopped-by: a zygote gets no byte of a program, and reads no plan
// runs: 4
// status: ok
// stdout-has: BLOCKED
const fs = require('fs');
const { randomInt } = require('crypto');

// Not in this form in the file itself.
const marker = ['earlier', '-', 'program', '-'].join('');
// From buffers, because text that was put together is in pieces.
const kept = new Set(Array.from({ length: 1000 }, () => Buffer.from(`${marker}${randomInt(1e14)}`.padEnd(marker.length + 20, '0')).toString('latin1')));
const own = process.env.USER;
const users = new Set();
const markers = new Set();
const shared = [];
const memory = fs.openSync('/proc/self/mem', 'r');
let bytes = 0;
for (const line of fs.readFileSync('/proc/self/maps', 'latin1').split('\n')) {
  const [addresses, rights] = line.split(' ');
  if (!rights) continue;
  if (rights[1] === 'w' && rights[3] === 's') shared.push(line);
  if (!rights.startsWith('rw')) continue;
  const [start, end] = addresses.split('-').map((address) => parseInt(address, 16));
  // Pieces overlap, so that nothing is missed at their ends.
  const piece = Buffer.alloc(1 << 20);
  for (let at = start; at < end; at += piece.length - 64) {
    let length;
    try {
      length = fs.readSync(memory, piece, 0, Math.min(piece.length, end - at), at);
    } catch {
      continue;
    }
    bytes += length;
    const text = piece.toString('latin1', 0, length);
    for (const [name] of text.matchAll(/exec_[0-9a-f]{8}-[0-9a-f-]{27}/g)) users.add(name);
    for (const [found] of text.matchAll(/earlier-[p]rogram-\d{20}/g)) markers.add(found);
  }
}
users.delete(own);
const others = [...markers].filter((text) => !kept.has(text));
console.log(bytes > 1e7 && markers.size > 0 ? 'BLOCKED: its own memory is read' : 'ESCAPED: nothing was examined', bytes, markers.size);
console.log(users.size ? 'ESCAPED: other users' : 'BLOCKED: no other user', [...users]);
console.log(shared.length ? 'ESCAPED: shared and writable' : 'BLOCKED: nothing shared', shared);
console.log(others.length ? 'ESCAPED: markers' : 'BLOCKED: no marker of others', others);
