const registry = new FinalizationRegistry(() => console.log('never called, for the end comes first'));
registry.register({}, 1);
console.log(typeof process.memoryUsage().rss, v8limits() > 0, new WeakRef({}).deref() !== undefined);
function v8limits() {
  return require('v8').getHeapStatistics().heap_size_limit;
}
