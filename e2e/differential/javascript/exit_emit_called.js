process.on('exit', () => console.log('an exit that is none'));
process.emit('exit', 0);
process.removeAllListeners();
process.emit('exit', 0);
console.log(process._exiting);
