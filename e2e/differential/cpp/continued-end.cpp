// Ends in a line that is continued.
#include <iostream>
int main() { std::cout << __LINE__ << std::endl; }
// and \

 	