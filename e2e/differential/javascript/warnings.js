process.emitWarning('careful', 'OwnWarning', 'CODE');
process.emitWarning('careful', 'OwnWarning', 'CODE');
new Buffer(1);
require('url').parse('http://a.com:x').href;
const emitter = new (require('events'))();
for (let i = 0; i < 12; i++) emitter.on('x', () => {});
