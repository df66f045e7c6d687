const tls = require('tls'), https = require('https');
// A key that was made for this program; the certificate is valid until 2126.
const pem = (kind, body) => `-----BEGIN ${kind}-----\n${body}\n-----END ${kind}-----\n`;
const key = pem('PRIVATE KEY', 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguIGL42bptswtmPQi/kZ1XcXz9LBHud88/nyZ2FYZAVWhRANCAAR2kTOSJc4KmNEQqB5O8b5NZ3upEh5kzRS69dxjLosb3EbzCa4O6PP8Yykir38iyrW2YRxcHiukPgX1oV/K/Ffr'.replace(/(.{64})/g, '$1\n'));
const cert = pem('CERTIFICATE', 'MIIBfzCCASWgAwIBAgIUSYI8bmjtW77hKG9DXcq614ztl0wwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTIwMTAwMTk1N1oYDzIxMjYxMTA3MDAxOTU3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR2kTOSJc4KmNEQqB5O8b5NZ3upEh5kzRS69dxjLosb3EbzCa4O6PP8Yykir38iyrW2YRxcHiukPgX1oV/K/Ffro1MwUTAdBgNVHQ4EFgQUfwRV5zulBWYkm/mHTFytrc1DUsMwHwYDVR0jBBgwFoAUfwRV5zulBWYkm/mHTFytrc1DUsMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBajf2mBhy4c7T7AddTkgJ9BcZ3amdCxIJ9JqLq9U7ycgIhAIVHO67nN1Pk354R81JsEBKZTqqQzEy25L0FEKp0vl/r'.replace(/(.{64})/g, '$1\n'));
const server = tls.createServer({ key, cert }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1', () => {
  const client = tls.connect({ port: server.address().port, host: '127.0.0.1', ca: [cert], servername: 'localhost' }, () => {
    console.log(client.authorized, client.getProtocol(), client.getCipher().name, client.getPeerCertificate().subject.CN);
    client.end('hello'.repeat(20000));
  });
  let length = 0;
  client.on('data', (data) => { length += data.length; }).on('end', () => { console.log(length); server.close(overHttp); });
});
function overHttp() {
  const server = https.createServer({ key, cert }, (request, response) => response.end('secure')).listen(0, '127.0.0.1', () => {
    https.get({ port: server.address().port, host: '127.0.0.1', servername: 'localhost', ca: cert, agent: false }, (answer) => answer.on('data', (data) => console.log(String(data))).on('end', () => server.close()));
    https.get({ port: server.address().port, host: '127.0.0.1', agent: false }).on('error', (error) => console.log(error.code));
  });
}
