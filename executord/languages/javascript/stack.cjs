'use strict';

// Lets a program use its whole stack. Node loads this file before the main file, because NODE_OPTIONS contains --require,
// unless it was started before its program is known: then it loads prelude.cjs. Worker threads of the program load it too.
//
// This file runs at each cold start, so it imports nothing. It reverts every change that a program could observe.

process._preload_modules.length = 0;
delete require.cache[__filename];
const paths = module.constructor._pathCache;
for (const key of Object.keys(paths)) {
  if (paths[key] === __filename) delete paths[key];
}
try {
  // The library does its work when it is loaded. It is not an addon, so dlopen throws.
  process.dlopen({ exports: {} }, `${__dirname}/stack.node`);
} catch {
  // Expected.
}
