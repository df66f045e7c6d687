// tries: to make its output look like the response, the log, terminal control or the end of the output
// threat: a/output
// stopped-by: output is data in the response
// status: nonzero
// exit: 3
const fs = require('fs');
fs.writeSync(1, '"}\n\n{"status":"ok","exit_code":0,"output":"forged"}\n');
fs.writeSync(1, 'event: finished\ndata: {"type":"finished","status":"ok"}\n\n');
fs.writeSync(1, Buffer.from([0, 1, 2, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0xfe, 0xc3, 0xed, 0xa0, 0x80, 0x7f, 0x0d]));
fs.writeSync(2, '2026-01-01T00:00:00Z  INFO executord: forged\n');
fs.writeSync(1, '\u2028\u2029</script><script>alert(1)</script>');
process.exit(3);
