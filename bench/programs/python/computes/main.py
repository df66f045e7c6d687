def primes_below(limit):
    sieve = [True] * limit
    count = 0
    for number in range(2, limit):
        if sieve[number]:
            count += 1
            for multiple in range(number * number, limit, number):
                sieve[multiple] = False
    return count


print(primes_below(2_700_000))
