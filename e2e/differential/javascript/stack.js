function inner() {
  console.log(new Error('here').stack);
  console.trace('traced');
}
inner();
setImmediate(() => setTimeout(() => console.log(new Error('in a timer').stack), 1));
Promise.resolve().then(() => console.log(new Error('in a promise').stack));
process.nextTick(() => console.log(new Error('in a tick').stack));
setImmediate(() => console.log(new Error('in an immediate').stack));
console.log(Error.stackTraceLimit, Error.prepareStackTrace, Object.getOwnPropertyNames(Error));
