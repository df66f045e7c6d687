process.on('unhandledRejection', (reason) => console.log('handled', reason.message));
process.on('rejectionHandled', () => console.log('late'));
process.on('warning', (warning) => console.log('warned', warning.name));
const promise = Promise.reject(new Error('one'));
setTimeout(() => promise.catch(() => console.log('caught')), 5);
