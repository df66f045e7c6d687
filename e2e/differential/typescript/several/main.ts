import { area, type Square } from './shapes';
import defaults from './data/defaults.json';
import greet = require('./greet');

const square: Square = { side: defaults.side };
console.log(area(square), greet('you'), Object.keys(require.cache).length);
