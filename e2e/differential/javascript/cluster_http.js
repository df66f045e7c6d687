const cluster = require('cluster'), http = require('http');
if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  let up = 0;
  cluster.on('listening', (worker, address) => {
    if (++up < 2) return;
    let left = 4;
    for (let i = 0; i < 4; i++) http.get({ port: address.port, host: '127.0.0.1', agent: false }, (answer) => answer.setEncoding('utf8').on('data', (text) => console.log(text)).on('end', () => {
      if (--left === 0) for (const worker of workers) worker.disconnect();
    }));
  });
  let left = 2;
  cluster.on('exit', (worker, code, signal) => { console.log('exit', code, signal, worker.exitedAfterDisconnect); });
} else {
  http.createServer((request, response) => response.end('answer')).listen(0, '127.0.0.1');
}
