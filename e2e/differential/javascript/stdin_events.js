let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (piece) => { text += piece; });
process.stdin.on('end', () => console.log(JSON.stringify(text), process.stdin.fd, process.stdin.isTTY, process.stdin.constructor.name));
