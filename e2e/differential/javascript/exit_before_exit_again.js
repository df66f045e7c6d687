let times = 0;
process.on('beforeExit', (code) => {
  console.log('beforeExit', code, process._exiting);
  if (++times < 3) setImmediate(() => console.log('again', times));
});
