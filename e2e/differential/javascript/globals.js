console.log(typeof fetch, typeof structuredClone, typeof navigator, typeof WebSocket, typeof crypto.subtle, typeof localStorage);
console.log(Object.getOwnPropertyDescriptor(globalThis, 'process').enumerable, typeof Symbol.dispose, Object.keys(globalThis));
var leaked = 1;
console.log(globalThis.leaked, this, (function () { return this === globalThis; })());
console.log(new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(new Date(0)), (1234.5).toLocaleString(), new Date(0).toString());
