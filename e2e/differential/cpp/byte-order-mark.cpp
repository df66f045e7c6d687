// Begins with a byte order mark.
#include <iostream>
int main() { std::cout << __LINE__ << std::endl; }
