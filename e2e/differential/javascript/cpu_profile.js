const { Session } = require('inspector');
// Signals interrupt the main thread, and another thread sends them.
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: 500 });
session.post('Profiler.start', () => {
  let x = 0;
  (function busyFunction() { while (process.cpuUsage().user < 300000) for (let i = 0; i < 1e5; i++) x += Math.sqrt(i); })();
  session.post('Profiler.stop', (error, { profile }) => {
    console.log(error, profile.samples.length > 0, profile.nodes.some((node) => node.callFrame.functionName === 'busyFunction'));
  });
});
