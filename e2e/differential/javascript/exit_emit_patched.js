const emit = process.emit;
process.emit = function (name, ...rest) {
  if (name === 'exit') process._rawDebug('exit seen', rest);
  return emit.call(this, name, ...rest);
};
console.log(Object.getOwnPropertyDescriptor(process, 'emit').enumerable, delete process.emit, process.emit === emit);
process.emit = function (name, ...rest) {
  if (name === 'exit') process._rawDebug('exit seen again', rest);
  return emit.call(this, name, ...rest);
};
