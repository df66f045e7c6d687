exports.a = 1;
console.log(require('./cycle-b').b);
