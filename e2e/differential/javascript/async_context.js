const { AsyncLocalStorage, executionAsyncId, AsyncResource } = require('async_hooks');
const storage = new AsyncLocalStorage();
const ids = [];
storage.run('a', () => {
  setTimeout(() => { ids.push(['timeout', storage.getStore(), executionAsyncId()]); }, 1);
  process.nextTick(() => ids.push(['tick', storage.getStore(), executionAsyncId()]));
  Promise.resolve().then(() => ids.push(['promise', storage.getStore()]));
  setImmediate(() => ids.push(['immediate', storage.getStore()]));
  require('fs').stat('/', () => ids.push(['stat', storage.getStore(), executionAsyncId()]));
  require('dns').lookup('127.0.0.1', () => ids.push(['lookup', storage.getStore()]));
});
process.on('exit', () => console.log(ids.sort()));
