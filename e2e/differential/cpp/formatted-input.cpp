#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

int main() {
    std::ios::sync_with_stdio(false);
    int count;
    std::cin >> count;
    std::vector<long long> numbers(count);
    for (auto& number : numbers) std::cin >> number;
    std::string rest, line;
    std::getline(std::cin >> std::ws, rest);
    std::sort(numbers.rbegin(), numbers.rend());
    std::cout << std::showpos << std::left << std::setw(12) << numbers[0] << std::boolalpha << true << std::quoted(rest) << '\n';
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::copy(std::istream_iterator<std::string>(words), {}, std::ostream_iterator<std::string>(std::cout, "_"));
    }
    std::cout << std::scientific << std::setprecision(3) << 12345.678 << std::hexfloat << 1.5 << std::defaultfloat << 1e21 << '\n';
    std::cout.flush();
    std::printf("%5.2f|%-5d|%s\n", 3.14159, 42, "end");
    return 7;
}
