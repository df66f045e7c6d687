// The last digit of what is computed, however things are inlined.
#include <algorithm>
#include <cmath>
#include <complex>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <random>
#include <vector>

int main() {
    std::mt19937_64 source{42};
    std::normal_distribution<double> normal{1.5, 0.25};
    std::uniform_real_distribution<float> uniform{-1, 1};
    std::vector<double> numbers(1000);
    std::generate(numbers.begin(), numbers.end(), [&] { return normal(source) * uniform(source); });
    double product = 1, dot = std::inner_product(numbers.begin(), numbers.end(), numbers.rbegin(), 0.0);
    for (double number : numbers) product = product * 0.99 + std::sin(number) * std::exp(number) - std::pow(std::abs(number), 1.1);
    std::complex<double> z = 0, c{-0.4, 0.6};
    for (int i = 0; i < 100; ++i) z = z * z + c;
    std::vector<float> sums(numbers.size());
    std::partial_sum(numbers.begin(), numbers.end(), sums.begin());
    std::cout << std::setprecision(17) << product << ' ' << dot << ' ' << z << ' ' << sums.back() << ' '
              << std::accumulate(numbers.begin(), numbers.end(), 0.0f) << ' ' << std::hypot(1e-3, 2.5, 1.25) << ' '
              << std::lgamma(0.3) << ' ' << std::cyl_bessel_j(1, 0.7) << '\n';
}
