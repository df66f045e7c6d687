// Macros between headers, after those that were compiled beforehand.
#include <algorithm>
#include <iostream>
#include <vector>
#define NDEBUG
#include <cassert>
#define _USE_SOMETHING 1
#define for_each_of(x) for (auto& element : x)
#define min(a, b) ((a) < (b) ? (a) : (b))
#undef min
#include <string>

int main() {
    assert(false);
    std::vector<std::string> words{"c", "a", "b"};
    std::sort(words.begin(), words.end());
    for_each_of(words) std::cout << element << __LINE__;
    std::cout << std::min(1, 2) << __FILE__ << __INCLUDE_LEVEL__ << __BASE_FILE__ << __COUNTER__ << __COUNTER__ << '\n';
#ifdef _GLIBCXX_IOSTREAM
    std::cout << "iostream was included\n";
#endif
#if __has_include(<no-such-header>) || defined(_GLIBCXX_REGEX)
    std::cout << "too much was included\n";
#endif
}
