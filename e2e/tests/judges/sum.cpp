// Accepts two positive numbers with the sum of the input, in any order.
#include "testlib.h"

int main(int count, char **arguments) {
    registerTestlibCmd(count, arguments);
    long n = read<long>(inf, "n"), a = read<long>(ouf, "a"), b = read<long>(ouf, "b");
    if (a + b != n) quitf(_wa, "%ld + %ld is not %ld", a, b, n);
    if (read<std::string>(ans, "answer") != "any") quitf(_fail, "unexpected answer");
    quitf(_ok, "%ld + %ld", a, b);
}
