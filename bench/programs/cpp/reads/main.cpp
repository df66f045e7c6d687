#include <algorithm>
#include <iostream>
#include <vector>

int main() {
    std::ios::sync_with_stdio(false);
    std::vector<long long> numbers;
    for (long long number; std::cin >> number;) numbers.push_back(number);
    long long total = 0, largest = 0;
    for (auto number : numbers) {
        total += number;
        largest = std::max(largest, number);
    }
    std::cout << numbers.size() << ' ' << total << ' ' << largest << '\n';
}
