// A warning, with which the program runs: it is g++ that compiles it then.
#include <iostream>
#warning careful
int nothing_comes_back() {}
int main() { std::cout << 1 / 2 << std::endl; }
