// Who connects later is told of everything that the console was told before.
const inspector = require('inspector');
console.log('before');
const session = new inspector.Session();
const seen = [];
session.connect();
session.on('Runtime.consoleAPICalled', ({ params }) => seen.push(params.args.map((value) => value.value)));
session.on('Runtime.exceptionThrown', ({ params }) => seen.push(params));
session.post('Runtime.enable');
console.log(JSON.stringify(seen));
