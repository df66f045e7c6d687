#include <cstdio>

int main() {
    for (int number = 0; number < 40000; number++) std::printf("line %d\n", number);
}
