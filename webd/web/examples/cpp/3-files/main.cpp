#include <iostream>

#include "fraction.h"

int main() {
    const Fraction sum = Fraction{1, 6} + Fraction{1, 10} + Fraction{11, 15};
    std::cout << "1/6 + 1/10 + 11/15 = " << sum << '\n';
}
