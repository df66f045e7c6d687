// What is constructed before main and destroyed after it, in order, with the streams of the library among it.
#include <cstdlib>
#include <iostream>
#include <locale>
#include <string>

struct Loud {
    std::string name;
    Loud(const char* name) : name(name) { std::cout << '+' << name << ' '; }
    ~Loud() { std::cout << '-' << name << std::endl; }
};
Loud first{"first"};
static Loud second{"second"};
inline Loud third{"third"};
template <typename T>
Loud of_type{typeid(T).name()};
thread_local Loud of_thread{"thread"};

Loud& late() {
    static Loud late{"late"};
    return late;
}
struct Numbers : std::numpunct<char> {
    char do_thousands_sep() const override { return '\''; }
    std::string do_grouping() const override { return "\3"; }
};

int main() {
    std::atexit([] { std::cout << "atexit" << std::endl; });
    std::cout << of_type<int>.name << of_type<std::string>.name.size() << of_thread.name << late().name;
    std::cout.imbue(std::locale(std::cout.getloc(), new Numbers));
    std::cout << ' ' << 1234567 << ' ' << 1234.5 << std::endl;
}
