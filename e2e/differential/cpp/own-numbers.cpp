// What the library is told of numbers of one's own.
#include <complex>
#include <iostream>
#include <limits>
#include <numeric>
#include <type_traits>
#include <valarray>
#include <vector>

struct Ratio {
    long top = 0, bottom = 1;
    friend Ratio operator+(Ratio a, Ratio b) { return {a.top * b.bottom + b.top * a.bottom, a.bottom * b.bottom}; }
    friend Ratio operator*(Ratio a, Ratio b) { return {a.top * b.top, a.bottom * b.bottom}; }
};

template <>
struct std::numeric_limits<Ratio> : std::numeric_limits<long> {
    static constexpr Ratio max() { return {42, 1}; }
};
template <>
struct std::common_type<Ratio, int> {
    using type = Ratio;
};

int main() {
    std::vector<Ratio> all{{1, 2}, {1, 3}, {1, 6}};
    Ratio sum = std::accumulate(all.begin(), all.end(), Ratio{});
    Ratio product = std::inner_product(all.begin(), all.end(), all.begin(), Ratio{});
    std::complex<double> turned = std::polar(1.0, 0.5) * std::complex<double>(0, 1);
    std::valarray<int> array{1, 2, 3};
    std::cout << sum.top << '/' << sum.bottom << ' ' << product.top << ' ' << std::numeric_limits<Ratio>::max().top << ' '
              << std::is_same_v<std::common_type_t<Ratio, int>, Ratio> << ' ' << turned << ' ' << (array * array).sum() << '\n';
}
