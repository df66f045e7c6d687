'use strict';

// A typical program without output. prelude.cjs runs it so that Node compiles the functions that such programs use.
const fs = require('fs');
const path = require('path');

class Counter {
  #count = 0;
  add({ by = 1, ...rest } = {}) {
    this.#count += by + Object.keys(rest).length;
    return this;
  }
  get text() {
    return `${this.#count}`.padStart(3);
  }
}
const lines = fs.readFileSync(path.join(__dirname, path.basename(__filename)), 'utf8').split(/\r?\n/);
const words = lines.flatMap((line) => line.trim().split(' ')).filter(Boolean);
const counts = new Map();
for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => new Counter().add({ by: count }).text).join();
JSON.parse(JSON.stringify({ words, date: new Date(0) }));
exports.later = async () => {
  try {
    await null;
  } finally {
    lines.length = 0;
  }
};
