const os = require('os');
const { username, homedir, uid, gid, shell } = os.userInfo();
console.log(username === process.env.USER, uid === process.getuid(), gid === process.getgid(), process.geteuid() === uid, process.getegid() === gid, homedir === os.homedir(), os.homedir() === process.env.HOME, shell);
console.log(os.tmpdir(), os.hostname() === require('fs').readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(), os.cpus().length, os.availableParallelism(), os.endianness(), os.machine(), os.getPriority(), os.EOL, os.devNull);
console.log(os.setPriority(5), os.getPriority(), os.networkInterfaces().lo?.map(({ address }) => address), os.uptime() > 0);
try { os.setPriority(-5); console.log('raised'); } catch (error) { console.log(error.code); }
