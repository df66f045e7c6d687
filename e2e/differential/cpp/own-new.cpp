// Allocation of one's own: every template of the library must come to it, also those that were instantiated before.
#include <cstdlib>
#include <iostream>
#include <map>
#include <new>
#include <sstream>
#include <string>
#include <vector>

static long allocated, freed;

void* operator new(std::size_t size) {
    ++allocated;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept {
    freed += memory != nullptr;
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    freed += memory != nullptr;
    std::free(memory);
}

int main() {
    {
        std::vector<int> numbers;
        for (int i = 0; i < 1000; ++i) numbers.push_back(i);
        std::string text(100, 'x');
        text += text;
        std::map<std::string, std::vector<std::string>> map;
        map["a very long name that is not kept inside"].emplace_back(200, 'y');
        std::ostringstream out;
        out << text << numbers.size();
        std::cout << out.str().size() << '\n';
    }
    std::cout << allocated << ' ' << allocated - freed << '\n';
}
