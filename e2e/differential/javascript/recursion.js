let depth = 0;
function down() {
  depth++;
  down();
}
try {
  down();
} catch (error) {
  console.log(error instanceof RangeError, error.message, depth > 5000);
}
console.log(JSON.stringify(Array.from({ length: 3 }, (_, i) => i)));
down();
