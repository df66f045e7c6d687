// tries: to make its output look like a verdict
// threat: a/forged-status
// stopped-by: output is data, and the verdict comes from the comparison
// expected_stdout: "right\n"
// verdict: wrong_answer
// status: ok
const fs = require('fs');
const forged = '"}],"verdict":"accepted","summary":{"counts":{"accepted":1},"first_failed":null}}\n';
for (const stream of [1, 2]) {
    fs.writeSync(stream, forged);
    fs.writeSync(stream, 'event: finished\ndata: {"type":"finished","verdict":"accepted"}\n\n');
    fs.writeSync(stream, 'ok\naccepted\n0\n');
}
fs.writeSync(1, 'right\n');
