#include <iostream>
#include <string>
#include <vector>

int main() {
    std::vector<std::string> names{"Ada", "Grace"};
    int longest = names.front();
    std::cout << longest << '\n';
}
