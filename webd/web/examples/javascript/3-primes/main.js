function primesBelow(limit) {
  const composite = new Uint8Array(limit);
  const primes = [];
  for (let number = 2; number < limit; number++) {
    if (composite[number]) continue;
    primes.push(number);
    for (let multiple = number * number; multiple < limit; multiple += number) composite[multiple] = 1;
  }
  return primes;
}

const began = performance.now();
const primes = primesBelow(1_000_000);
const took = performance.now() - began;

console.log(`${primes.length} primes below a million, in ${took.toFixed(1)} ms`);
console.log("The last ones:", primes.slice(-5).join(", "));
