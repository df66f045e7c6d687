console.log(Object.keys(process.resourceUsage()), Object.keys(process.cpuUsage()), Object.keys(process.memoryUsage()), Object.keys(require('v8').getHeapStatistics()), require('v8').getHeapSpaceStatistics().map(({ space_name }) => space_name));
const before = process.cpuUsage();
for (const end = Date.now() + 50; Date.now() < end;);
const { user, system } = process.cpuUsage(before);
console.log(user + system > 0, process.cpuUsage().user > 0, process.resourceUsage().maxRSS > 10000, process.memoryUsage().heapUsed < process.memoryUsage().heapTotal, process.availableMemory() > 0);
const v8 = require('v8');
console.log(v8.getHeapStatistics().number_of_native_contexts, v8.getHeapStatistics().number_of_detached_contexts, v8.getHeapStatistics().does_zap_garbage, Object.keys(v8.getHeapCodeStatistics()), v8.cachedDataVersionTag());
