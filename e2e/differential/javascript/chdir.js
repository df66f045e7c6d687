// To load worker_threads replaces it.
console.log(process.chdir, process.cwd, process.umask, process.abort, process.chdir.disabled);
require('worker_threads');
console.log(process.chdir, process.moduleLoadList.includes('NativeModule internal/worker'));
