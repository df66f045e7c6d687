function primesBelow(limit) {
    const sieve = new Uint8Array(limit);
    let count = 0;
    for (let number = 2; number < limit; number++) {
        if (sieve[number]) continue;
        count += 1;
        for (let multiple = number * number; multiple < limit; multiple += number) sieve[multiple] = 1;
    }
    return count;
}

console.log(primesBelow(22_000_000));
