// What the processor can do, asked for in the program.
#include <algorithm>
#include <iostream>
#include <numeric>
#include <vector>
#pragma GCC optimize("O3,unroll-loops")
#pragma GCC target("avx2")
#include <immintrin.h>

__attribute__((target("bmi2"))) int bits(unsigned number) { return __builtin_popcount(number); }

int main() {
    std::vector<int> numbers(64);
    std::iota(numbers.begin(), numbers.end(), 0);
    __m256i sum = _mm256_setzero_si256();
    for (std::size_t i = 0; i < numbers.size(); i += 8)
        sum = _mm256_add_epi32(sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&numbers[i])));
    int parts[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(parts), sum);
    std::cout << std::accumulate(parts, parts + 8, 0) << ' ' << bits(255) << '\n';
}
