process.stdout.end('last words\n');
process.stdout.on('error', (error) => console.error(error.code));
console.log('after the end');
