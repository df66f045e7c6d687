import fs, { readFileSync } from 'node:fs';
import { createRequire } from 'module';
import helper from './helper.js';

console.log(import.meta.url, import.meta.filename, typeof require, this, process.argv.length, helper);
console.log(readFileSync === fs.readFileSync, createRequire(import.meta.url)('./data.json'), await Promise.resolve('awaited'));
console.log(process.mainModule, new Error('x').stack);
process.on('exit', (code) => console.log('exit', code));
throw new Error('from a module');
