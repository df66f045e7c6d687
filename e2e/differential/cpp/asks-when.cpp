// When it was compiled, and when it was written.
#include <iostream>
#include <string>
int main() {
    std::string written = __TIMESTAMP__, date = __DATE__;
    std::cout << (written.substr(20) == date.substr(7)) << written.size() << date.size() << sizeof __TIME__ << '\n';
}
