#include <iostream>
#include <vector>

int primes_below(int limit) {
    std::vector<char> sieve(limit);
    int count = 0;
    for (long long number = 2; number < limit; number++) {
        if (sieve[number]) continue;
        count++;
        for (long long multiple = number * number; multiple < limit; multiple += number) sieve[multiple] = 1;
    }
    return count;
}

int main() {
    std::cout << primes_below(48'000'000) << '\n';
}
