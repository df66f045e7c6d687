// Templates of the library that a program instantiates itself, or says that somebody else does.
#include <deque>
#include <iostream>
#include <string>
#include <vector>

template class std::vector<int>;
template class std::deque<std::string>;
extern template class std::vector<double>;
template class std::vector<double>;
template class std::basic_string<char16_t>;
template std::string std::operator+(const std::string&, const std::string&);

int main() {
    std::vector<int> numbers{1, 2, 3};
    std::deque<std::string> words{"a", "b"};
    std::vector<double> more(3, 0.5);
    std::u16string wide(5, u'x');
    std::cout << numbers.at(2) << words.back() << more[1] << wide.size() << std::string("c") + std::string("d") << '\n';
}
