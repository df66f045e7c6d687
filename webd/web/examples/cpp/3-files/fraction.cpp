#include "fraction.h"

#include <numeric>
#include <ostream>

Fraction operator+(Fraction a, Fraction b) {
    const long above = a.above * b.below + b.above * a.below;
    const long below = a.below * b.below;
    const long common = std::gcd(above, below);
    return {above / common, below / common};
}

std::ostream& operator<<(std::ostream& out, Fraction fraction) {
    out << fraction.above;
    return fraction.below == 1 ? out : out << '/' << fraction.below;
}
