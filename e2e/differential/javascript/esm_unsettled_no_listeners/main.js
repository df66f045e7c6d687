process.removeAllListeners('exit');
await new Promise(() => {});
