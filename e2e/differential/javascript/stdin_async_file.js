const fs = require('fs');
(async () => {
  const handle = await fs.promises.open('/dev/stdin');
  console.log(handle.fd);
  for await (const line of handle.readLines()) console.log(JSON.stringify(line));
  fs.createReadStream(null, { fd: 0 }).on('data', () => console.log('never')).on('end', () => console.log('end'));
  fs.readFile('/dev/fd/0', 'utf8', (error, text) => console.log(error?.code, JSON.stringify(text)));
})();
