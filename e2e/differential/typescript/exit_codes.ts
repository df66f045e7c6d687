process.on('exit', (code: number) => {
    console.log('exit', code);
    process.exitCode = 7;
});
console.log('main');
