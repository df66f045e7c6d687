const http = require('http');
const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part)).on('end', () => {
    response.setHeader('X-Length', Buffer.concat(parts).length);
    response.end(request.method + ' ' + request.url);
  });
}).listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const answer = await fetch(`${url}/a?b=1`, { method: 'POST', body: 'x'.repeat(200000) });
  console.log(answer.status, answer.headers.get('x-length'), await answer.text());
  console.log(await Promise.all([1, 2, 3].map(async (i) => (await fetch(`${url}/${i}`)).text())));
  const abort = new AbortController();
  const stopped = fetch(url, { signal: abort.signal });
  abort.abort();
  await stopped.catch((error) => console.log(error.name, error.code, error.message));
  server.close(() => console.log('closed'));
  server.closeAllConnections();
});
