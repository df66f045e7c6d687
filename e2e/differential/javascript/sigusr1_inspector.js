const http = require('http');
console.log(require('inspector').url());
process.kill(process.pid, 'SIGUSR1');
const wait = setInterval(() => {
  if (!require('inspector').url()) return;
  clearInterval(wait);
  http.get('http://127.0.0.1:9229/json/version', (answer) => answer.setEncoding('utf8').on('data', (text) => console.log(text))
    .on('end', () => { require('inspector').close(); console.log(require('inspector').url()); process.exit(); }));
}, 5);
