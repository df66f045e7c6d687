console.log(process.getActiveResourcesInfo(), process._getActiveRequests().length, process._getActiveHandles().length);
console.log(require('module').builtinModules.length, Object.keys(require('module')._cache), Object.getOwnPropertyNames(require('module')).join());
console.log(Object.getOwnPropertyDescriptors(process, 'pid').pid.enumerable, Object.getOwnPropertyDescriptor(process, 'title'));
console.log(require('util').inspect(process, { depth: 0, maxArrayLength: 3 }).replace(/\d+/g, 'N').replace(/exec_[\w-]+/g, ''));
