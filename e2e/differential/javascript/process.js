console.log(process.argv, process.argv0, process.execArgv, process.execPath, process.title);
console.log(process.exitCode, process.connected, process.debugPort, process.platform, process.cwd());
console.log(Object.getOwnPropertyNames(process).sort().join(' '));
console.log(Object.keys(process).join(' '), process._preload_modules);
console.log(Object.getOwnPropertyNames(globalThis).join(' '));
console.log(process.eventNames(), process.listenerCount('exit'), process.getMaxListeners(), process._eventsCount);
console.log(process.emit === require('events').prototype.emit, process.hasOwnProperty('emit'), process instanceof require('events'));
console.log(process.umask().toString(8), process.getActiveResourcesInfo(), process._getActiveHandles().length);
console.log(process.features, process.release.name, process.config.variables.node_shared === false);
