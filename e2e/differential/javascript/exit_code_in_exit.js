process.on('exit', () => { process.exitCode = 11; });
