import { value, fail } from './other.mjs';
console.log(value, import.meta.url, await import('./common.cjs'));
fail();
