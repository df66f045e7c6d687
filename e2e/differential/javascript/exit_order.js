process.on('exit', (code) => console.log('exit', code, new Error('x').stack));
process.once('beforeExit', (code) => {
  console.log('beforeExit', code);
  setTimeout(() => console.log('more work'), 1);
});
console.log('main');
