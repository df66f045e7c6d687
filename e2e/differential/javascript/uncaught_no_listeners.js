process.exitCode = 0;
setImmediate(() => { throw new Error('with code 0'); });
