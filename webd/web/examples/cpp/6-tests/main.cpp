#include <iostream>
#include <utility>

// Look at the tab “Tests” beside “Output”.
int main() {
    long a, b;
    std::cin >> a >> b;
    while (b != 0) a = std::exchange(b, a % b);
    std::cout << a << '\n';
}
