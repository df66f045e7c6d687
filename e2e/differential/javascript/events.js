process.on('newListener', (name) => console.log('newListener', name));
process.on('exit', () => {});
console.log(process.listeners('exit').length, process.rawListeners('warning').length, process.listenerCount('SIGINT'));
process.removeAllListeners('exit');
console.log(process._events.exit, process.domain, require('events').defaultMaxListeners);
