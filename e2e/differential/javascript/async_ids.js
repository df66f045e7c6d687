const { AsyncResource, createHook, executionAsyncId, triggerAsyncId } = require('async_hooks');
console.log(executionAsyncId(), triggerAsyncId(), new AsyncResource('A').asyncId());
const seen = [];
createHook({ init(id, type, trigger) { seen.push([id, type, trigger]); } }).enable();
setTimeout(() => require('fs').writeSync(1, JSON.stringify(seen) + '\n'), 1);
Promise.resolve().then(() => {});
