// Lines as on other systems, and some white space at the end.
#include <iostream>
#include <string>
int main() { std::string s = R"(a
b)"; std::cout << s.size() << __LINE__ << std::endl; }
	  
