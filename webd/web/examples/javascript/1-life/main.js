// A glider on a small world whose edges meet. Every generation appears as it is computed.
const SIZE = 12;
const key = (x, y) => `${(x + SIZE) % SIZE},${(y + SIZE) % SIZE}`;

function next(alive) {
  const neighbours = new Map();
  for (const cell of alive) {
    const [x, y] = cell.split(",").map(Number);
    for (const dx of [-1, 0, 1]) {
      for (const dy of [-1, 0, 1]) {
        if (dx || dy) neighbours.set(key(x + dx, y + dy), (neighbours.get(key(x + dx, y + dy)) ?? 0) + 1);
      }
    }
  }
  return new Set([...neighbours].filter(([cell, n]) => n === 3 || (n === 2 && alive.has(cell))).map(([cell]) => cell));
}

function draw(alive) {
  for (let y = 0; y < SIZE; y++) {
    console.log([...Array(SIZE).keys()].map((x) => (alive.has(key(x, y)) ? "■ " : "· ")).join(""));
  }
  console.log();
}

let alive = new Set([key(1, 0), key(2, 1), key(0, 2), key(1, 2), key(2, 2)]);
const timer = setInterval(() => {
  draw(alive);
  alive = next(alive);
}, 250);
setTimeout(() => clearInterval(timer), 2600);
