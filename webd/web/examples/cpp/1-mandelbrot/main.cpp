#include <complex>
#include <iostream>
#include <string_view>

int main() {
    constexpr std::string_view shades = " .:-=+*#%@";
    for (double y = -1.2; y <= 1.2; y += 0.1) {
        for (double x = -2.1; x <= 0.8; x += 0.045) {
            const std::complex<double> c{x, y};
            std::complex<double> z;
            int steps = 0;
            while (std::norm(z) < 4 && steps < 90) {
                z = z * z + c;
                ++steps;
            }
            std::cout << shades[steps == 90 ? 9 : steps % 9];
        }
        std::cout << '\n';
    }
}
