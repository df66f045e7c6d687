for (const name of ['SIGUSR2', 'SIGINT', 'SIGTERM']) {
  process.on(name, (signal, number) => {
    console.log('caught', signal, number);
    if (signal === 'SIGTERM') process.exit(3);
    process.kill(process.pid, signal === 'SIGINT' ? 'SIGTERM' : 'SIGINT');
  });
}
process.kill(process.pid, 'SIGUSR2');
setInterval(() => {}, 1000);
