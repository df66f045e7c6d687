process.reallyExit = (code) => console.log('not so fast', code);
process.exitCode = undefined;
console.log('natural');
