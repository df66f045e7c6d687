console.log(process.stdout.constructor.name, process.stdout.fd, process.stdout.isTTY, process.stdout.writableHighWaterMark, process.stdout._type);
console.log(process.stdout.writable, process.stdout.columns, process.stdout.listenerCount('error'), process.stderr.fd);
console.log(require('tty').isatty(1), process.stdout._handle.constructor.name, process.stdout.bytesWritten);
