// Only what is included is there: each header is looked for by what it defines.
#include <iostream>
#include <vector>

#if defined(_GLIBCXX_MAP) || defined(_GLIBCXX_REGEX) || defined(_GLIBCXX_THREAD)
#error more than was asked for
#endif
namespace std_map { int map = 1; }
using namespace std_map;
struct thread {
    int number = 2;
};
struct regex {
    int number = 3;
};

int main() {
    std::vector<int> numbers{map, thread{}.number, regex{}.number};
    for (int number : numbers) std::cout << number;
    std::cout << '\n';
}
