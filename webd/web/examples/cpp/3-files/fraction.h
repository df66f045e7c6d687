#pragma once
#include <iosfwd>

struct Fraction {
    long above;
    long below;
};

Fraction operator+(Fraction a, Fraction b);
std::ostream& operator<<(std::ostream& out, Fraction fraction);
