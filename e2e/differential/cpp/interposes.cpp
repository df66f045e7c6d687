// Functions and variables of one's own that libraries define too: the program's are taken, by the libraries as well.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

extern "C" {
int rand() noexcept { return 4; }
__attribute__((weak)) int atoi(const char*) noexcept { return 42; }
int optind = 7;
int puts(const char* text) { return printf("mine: %s\n", text); }
__attribute__((weak)) int nobody_defines_this();
}
namespace std {
void __throw_out_of_range_fmt(const char*, ...) {
    cout << "thrown by the program" << endl;
    exit(3);
}
}

int main() {
    std::cout << std::rand() << std::atoi("7") << optind << (nobody_defines_this == nullptr) << std::flush;
    puts("text");
    return std::string{"abc"}.substr(std::strlen("abcd")).size();
}
