// The collector and the compiler work in other threads.
const { Worker, isMainThread } = require('worker_threads');
function work(size) {
  const map = new Map();
  for (let i = 0; i < size; i++) map.set(`key ${i}`, { i, list: [i, { i }] });
  let sum = 0;
  for (const { i, list } of map.values()) sum = (sum + i * list[0] + list[1].i) % 1000003;
  for (let i = 0; i < 2e6; i++) sum = (sum * 31 + i) % 1000003;
  const text = [...map.keys()].sort().join().length;
  return [sum, text, require('crypto').createHash('md5').update(JSON.stringify([...map])).digest('hex')];
}
console.log(isMainThread, work(isMainThread ? 150000 : 20000));
if (isMainThread) new Worker(__filename);
