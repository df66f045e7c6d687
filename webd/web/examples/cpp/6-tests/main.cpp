#include <iostream>
#include <utility>

// The “Tests” tab runs this program with several inputs.
int main() {
    long a, b;
    std::cin >> a >> b;
    while (b != 0) a = std::exchange(b, a % b);
    std::cout << a << '\n';
}
