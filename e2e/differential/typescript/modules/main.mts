import { readFileSync } from 'node:fs';
import { twice } from './twice.mjs';

const text: string = readFileSync(0, 'utf8').trim();
console.log(await Promise.resolve(twice(text)), typeof require);
