#include <algorithm>
#include <iostream>
#include <iterator>
#include <vector>

int main() {
    std::vector<int> numbers{std::istream_iterator<int>{std::cin}, {}};
    std::ranges::sort(numbers);
    for (int number : numbers) std::cout << number << ' ';
    std::cout << "\nin the middle: " << numbers.at(numbers.size() / 2) << '\n';
}
