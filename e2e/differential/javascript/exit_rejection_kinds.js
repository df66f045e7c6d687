const { spawnSync } = require('child_process');
process.on('unhandledRejection', (reason, promise) => { console.log(reason, promise); process.exitCode = 9; });
process.on('multipleResolves', (...values) => console.log(values[0]));
new Promise((resolve, reject) => { resolve(1); reject(2); });
Promise.reject(undefined);
Promise.reject(null);
(async () => { throw Symbol('s'); })();
process.setUncaughtExceptionCaptureCallback((error) => console.log('captured', error.message));
setTimeout(() => { throw new Error('late'); }, 1);
