const net = require('net'), dgram = require('dgram'), dns = require('dns'), fs = require('fs');
const path = `${fs.mkdtempSync('/tmp/sockets-')}/socket`;
const server = net.createServer((socket) => socket.pipe(socket)).listen(path, () => {
  const client = net.connect(path);
  let length = 0;
  client.on('data', (data) => { length += data.length; if (length === 3000000) client.end(); }).on('close', () => {
    console.log('echoed', length);
    server.close(() => { console.log(fs.existsSync(path)); fs.rmdirSync(path.slice(0, -7)); });
    datagrams();
  });
  console.log(client.write('x'.repeat(3000000)));
});
function datagrams() {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, { address, size }) => { console.log(String(message), address, size); socket.close(names); });
  socket.bind(0, '127.0.0.1', () => socket.send('datagram', socket.address().port, '127.0.0.1'));
}
function names() {
  dns.lookup('localhost', { all: true, family: 4 }, (error, found) => {
    console.log(error, found);
    dns.lookup('no-such-host.invalid', (error) => {
      console.log(error.syscall);
      net.connect(1, '127.0.0.1').on('error', (error) => console.log(error.message));
    });
  });
}
