process.stdout.write('written\n');
setTimeout(() => console.log('never'), 1000);
process.exit();
