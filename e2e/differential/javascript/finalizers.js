const registry = new FinalizationRegistry((value) => console.log('never', value));
registry.register(globalThis, 'global');
let reference = new WeakRef({ a: 1 });
console.log(typeof reference.deref());
new (class { constructor() { registry.register(this, 'lost'); } })();
