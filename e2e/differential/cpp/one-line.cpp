#include <iostream>
int main() { std::cout << "no newline at the end of this file"; }