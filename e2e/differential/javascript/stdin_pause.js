process.stdin.setEncoding('utf8');
process.stdin.once('readable', () => {
  console.log(JSON.stringify(process.stdin.read(4)), JSON.stringify(process.stdin.read(2)));
  process.stdin.pause();
  setTimeout(() => {
    process.stdin.on('data', (text) => console.log(JSON.stringify(text))).on('end', () => console.log('end', process.stdin.readableEnded));
  }, 10);
});
