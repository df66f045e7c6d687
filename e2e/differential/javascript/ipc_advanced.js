const { fork } = require('child_process');
if (process.argv[2]) {
  process.on('message', (message, handle) => {
    if (handle) { handle.on('connection', (socket) => { socket.end('from the child'); handle.close(); }); process.send('listening'); return; }
    process.send(message, () => { if (message === 'end') process.disconnect(); });
  });
} else {
  const child = fork(__filename, ['child'], { serialization: 'advanced', stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  let port;
  const server = require('net').createServer().listen(0, '127.0.0.1', () => {
    port = server.address().port;
    child.send('server', server, () => server.close());
  });
  child.on('message', (message) => {
    console.log(message);
    if (message === 'listening') {
            require('net').connect(port, '127.0.0.1').on('data', (data) => console.log(String(data))).on('close', () => child.send('end'));
    }
  });
  child.send(new Map([[1, 2n]]));
  child.on('disconnect', () => console.log('disconnected')).on('close', (...values) => console.log(values));
}
