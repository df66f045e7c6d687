#include <iostream>
#include <vector>
int main() {
    std::cout << "before" << std::endl;
    std::vector<int> numbers(3);
    int* volatile nowhere = nullptr;
    return numbers[0] + *nowhere;
}
