console.log(process.uptime() < 3, performance.now() < 3000, process.uptime.name, performance.now.name, process.uptime.length);
const before = performance.now();
const times = [process.uptime() * 1000, Date.now() - performance.timeOrigin];
const after = performance.now();
console.log(before > 0, times.every((time) => before - 10 < time && time < after + 10));
console.log(Object.keys(performance.toJSON()), typeof performance.toJSON().timeOrigin);
console.log(Object.getOwnPropertyNames(Object.getPrototypeOf(performance)).join(' '));
try {
  performance.now.call({});
} catch (error) {
  console.log(error.code, error.message);
}
const { now } = performance;
console.log(typeof performance.now(), process.hrtime().length, performance.eventLoopUtilization().idle);
performance.mark('a');
console.log(performance.measure('b', 'a').duration >= 0, performance.getEntries().length);
