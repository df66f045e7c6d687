const cluster = require('cluster');
if (cluster.isPrimary) {
  console.log(cluster.settings, process.execArgv);
  const worker = cluster.fork();
  worker.on('message', (message) => console.log(message));
  worker.on('exit', (code) => console.log('exit', code, cluster.settings.execArgv));
} else {
  process.send(process.execArgv, () => process.exit(2));
}
