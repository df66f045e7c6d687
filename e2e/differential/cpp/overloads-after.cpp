// Operators and functions that arguments of a program's own types find, declared after the templates that call them.
#include <algorithm>
#include <iostream>
#include <iterator>
#include <vector>

namespace mine {
struct Money {
    int cents;
};
bool operator<(Money one, Money other) { return one.cents > other.cents; }
std::ostream& operator<<(std::ostream& out, Money money) { return out << money.cents << "c"; }
int swaps = 0;
void swap(Money& one, Money& other) {
    ++swaps;
    std::swap(one.cents, other.cents);
}
}

int main() {
    std::vector<mine::Money> all{{3}, {1}, {2}};
    std::sort(all.begin(), all.end());
    std::reverse(all.begin(), all.end());
    std::copy(all.begin(), all.end(), std::ostream_iterator<mine::Money>(std::cout, " "));
    std::cout << (mine::swaps > 0) << '\n';
}
