// glibc lets every thread change its ids, by a signal.
const fs = require('fs');
const uid = process.getuid(), gid = process.getgid();
for (const [name, ...values] of [['setuid', uid], ['setgid', gid], ['seteuid', uid], ['setegid', gid], ['setuid', 0], ['setgid', 0],
  ['seteuid', 0], ['setegid', 0], ['setgroups', [0]], ['setgroups', []], ['initgroups', 'root', 0]]) {
  try {
    process[name](...values);
    console.log(name, 'done');
  } catch (error) {
    console.log(name, error.code, error.syscall);
  }
}
new (require('worker_threads').Worker)('setTimeout(() => {}, 30)', { eval: true }).on('online', () => {
  try { process.setuid(uid); process.setgid(gid); console.log('again'); } catch (error) { console.log(error.code); }
});
