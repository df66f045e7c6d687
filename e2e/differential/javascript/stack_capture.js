const holder = {};
(function outer() { (function inner() { Error.captureStackTrace(holder, inner); })(); })();
console.log(holder.stack);
Error.stackTraceLimit = 50;
console.log(new Error('all').stack);
Error.prepareStackTrace = (error, sites) => sites.map((site) => [site.getFunctionName(), site.getFileName(), site.getLineNumber(), site.isToplevel(), site.isNative()].join());
console.log(new Error('sites').stack);
Promise.reject(new Error('sites again')).catch((error) => console.log(error.stack));
