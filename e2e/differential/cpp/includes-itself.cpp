// A file that includes itself, with all that it can ask about where it is.
#include <iostream>
#ifndef DEPTH
#define DEPTH 0
int deeper() {
    int sum = 0;
#elif DEPTH == 0
#undef DEPTH
#define DEPTH 1
#endif
#if DEPTH == 0 && __INCLUDE_LEVEL__ == 0
#include "main.cpp"
    return sum + __LINE__;
}
int main() { std::cout << deeper() << __FILE__ << __INCLUDE_LEVEL__ << '\n'; }
#else
sum += 100 * __INCLUDE_LEVEL__;
#endif
