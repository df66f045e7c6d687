console.log('before');
Promise.reject(new RangeError('nobody cares'));
setTimeout(() => console.log('never'), 50);
