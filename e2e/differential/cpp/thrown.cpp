// Exceptions that come out of the library's templates, through them, and the end of a program that catches none.
#include <any>
#include <bitset>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

template <typename F>
void attempt(F deed) {
    try {
        deed();
        std::cout << "nothing\n";
    } catch (const std::exception& error) {
        std::cout << typeid(error).name() << ' ' << error.what() << '\n';
    } catch (int number) {
        std::cout << number << '\n';
    }
}

struct Thrower {
    int at;
    Thrower(int at) : at(at) {}
    Thrower(const Thrower& other) : at(other.at) { if (at == 2) throw at; }
    ~Thrower() { std::cout << '~' << at; }
};

int main() {
    attempt([] { std::vector<int>{}.at(3); });
    attempt([] { std::string{"abc"}.substr(5); });
    attempt([] { std::map<int, int>{}.at(1); });
    attempt([] { std::stoi("x"); });
    attempt([] { std::stoi("99999999999"); });
    attempt([] { std::get<int>(std::variant<int, std::string>{"s"}); });
    attempt([] { std::any_cast<int>(std::any{1.0}); });
    attempt([] { std::optional<int>{}.value(); });
    attempt([] { std::function<void()>{}(); });
    attempt([] { std::bitset<4>{"12"}; });
    attempt([] { std::regex{"("}; });
    attempt([] {
        std::future<int> broken = std::promise<int>{}.get_future();
        broken.get();
    });
    attempt([] { std::shared_ptr<int>(std::weak_ptr<int>{}); });
    attempt([] { std::vector<Thrower> all{Thrower{1}, Thrower{2}, Thrower{3}}; });
    throw std::runtime_error("nobody catches this");
}
