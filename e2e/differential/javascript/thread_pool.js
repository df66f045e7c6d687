const crypto = require('crypto'), zlib = require('zlib'), fs = require('fs'), { promisify } = require('util');
process.env.UV_THREADPOOL_SIZE = '3';
(async () => {
  const all = await Promise.all([
    promisify(crypto.pbkdf2)('p', 's', 2000, 16, 'sha512'), promisify(crypto.scrypt)('p', 's', 16), promisify(crypto.hkdf)('sha256', 'k', 's', 'i', 8),
    promisify(zlib.gzip)('a'.repeat(100000)).then(promisify(zlib.gunzip)), promisify(zlib.brotliCompress)('b'.repeat(1000)).then(promisify(zlib.brotliDecompress)),
    crypto.subtle.digest('SHA-256', Buffer.from('x')), fs.promises.stat('/'), promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-256' }),
    promisify(crypto.randomFill)(new Uint8Array(4)), promisify(crypto.generatePrime)(64), promisify(crypto.randomInt)(5),
  ]);
  console.log(all.slice(0, 3).map((value) => Buffer.from(value).toString('hex')), all[3].length, all[4].length, Buffer.from(all[5]).toString('hex'), all[6].isDirectory(), all[7].privateKey.asymmetricKeyType);
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']);
  console.log((await crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, Buffer.from('x'))).byteLength);
  const { privateKey, publicKey } = all[7];
  console.log(crypto.verify('sha256', 'data', publicKey, crypto.sign('sha256', 'data', privateKey)), crypto.getFips(), crypto.secureHeapUsed());
  console.log(crypto.createHash('sha256').update('a').digest('hex'), crypto.getCiphers().length, crypto.getCurves().length);
  console.log(fs.readdirSync('/proc/self/task').length);
})();
