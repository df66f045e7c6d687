// tries: to find a privilege, a descriptor or an event loop of the zygote in one of the threads that a fork of Node has again
// threat: d/neighbours
// stopped-by: threads are made again after the program's process has given up every privilege, and have objects of their own
// parallel: 4
// status: ok
// stdout-has: BLOCKED
// distinct-across-parallel-runs: pipes (\S+)
const fs = require('fs');
const { Worker } = require('worker_threads');

const uid = process.getuid(), gid = process.getgid();
const expected = {
  Uid: Array(4).fill(uid).join('\t'), Gid: Array(4).fill(gid).join('\t'), Groups: '', NoNewPrivs: '1', Seccomp: '2', TracerPid: '0',
  ...Object.fromEntries(['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => [name, '0'.repeat(16)])),
};

/** Returns the fields of /proc/PID/status, or null if the thread has ended. */
function statusOf(thread) {
  try {
    const lines = fs.readFileSync(`/proc/self/task/${thread}/status`, 'utf8').split('\n').map((line) => line.split(':\t'));
    return Object.fromEntries(lines.map(([name, value = '']) => [name, value.trim()]));
  } catch {
    return null;
  }
}

/** Says what the threads have that they must not have. */
function examine(when) {
  const threads = fs.readdirSync('/proc/self/task');
  for (const thread of threads) {
    const status = statusOf(thread);
    if (!status) continue;
    for (const [name, value] of Object.entries(expected)) {
      if (status[name] !== value) console.log(`ESCAPED: thread ${thread} has ${name} ${status[name]}`);
    }
    if (status.Seccomp_filters !== statusOf(process.pid).Seccomp_filters) console.log(`ESCAPED: thread ${thread} has other filters`);
  }
  console.log(threads.length > 4 ? `BLOCKED: ${threads.length} threads without privileges ${when}` : `ESCAPED: only ${threads.length} threads`);
}

examine('at the start');
for (const [name, ...values] of [['setuid', 0], ['setgid', 0], ['setgroups', [0]], ['seteuid', 65534]]) {
  try {
    process[name](...values);
    console.log('ESCAPED:', name);
  } catch (error) {
    console.log('BLOCKED:', name, error.code);
  }
}
const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
console.log(pids.length ? 'ESCAPED:' : 'BLOCKED:', 'processes', pids);
// -1 is every process that it may signal, except itself and init.
for (const pid of [1, process.ppid, -1]) {
  try {
    process.kill(pid, 0);
    console.log('ESCAPED: signal', pid);
  } catch (error) {
    console.log('BLOCKED: signal', pid, error.code);
  }
}

// Two event loops with the same pipe could wake each other.
const pipes = [];
for (const number of fs.readdirSync('/proc/self/fd').map(Number)) {
  let name;
  try { name = fs.readlinkSync(`/proc/self/fd/${number}`); } catch { continue; }
  if (number > 2 && !/^(pipe:|anon_inode:\[event|\/dev\/null$|\/proc\/)/.test(name)) console.log('ESCAPED: descriptor', number, name);
  if (number > 2 && name.startsWith('pipe:')) pipes.push(name.slice(6, -1));
}
console.log('pipes', [...new Set(pipes)].sort().join());

// Threads that are new, and those of the pool of libuv.
const worker = new Worker('setTimeout(() => {}, 100)', { eval: true });
worker.on('online', () => fs.stat('/', () => examine('later')));
