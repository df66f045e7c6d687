const events = require('events');
const controller = new AbortController();
controller.signal.addEventListener('abort', ({ type, timeStamp }) => console.log(type, timeStamp > 0));
setTimeout(() => controller.abort(new Error('reason')), 10);
require('timers/promises').setTimeout(1e6, null, { signal: controller.signal }).catch((error) => console.log(error.code, error.cause.message));
events.once(process, 'never', { signal: controller.signal }).catch((error) => console.log(error.name));
require('child_process').exec('sleep 100', { signal: controller.signal }, (error, out) => console.log(error.name, error.code));
AbortSignal.timeout(20).addEventListener('abort', function () { console.log(this.reason.name); });
setTimeout(() => {}, 40);
