const { Readable, Transform, Writable, pipeline } = require('stream');
const log = [];
let number = 0;
pipeline(new Readable({ objectMode: true, highWaterMark: 2, read() { log.push(`r${number}`); this.push(number < 6 ? number++ : null); } }),
  new Transform({ objectMode: true, highWaterMark: 1, transform(value, _, done) { setImmediate(() => done(null, value * 2)); } }),
  new Writable({ objectMode: true, highWaterMark: 1, write(value, _, done) { log.push(`w${value}`); setTimeout(done, 1); } }),
  (error) => console.log(error, log.join(' ')));
(async () => {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  writer.write('web'); writer.close();
  for await (const value of readable) console.log(value);
  console.log(await new Response(new Blob(['a', 'b']).stream().pipeThrough(new CompressionStream('gzip')).pipeThrough(new DecompressionStream('gzip'))).text());
})();
