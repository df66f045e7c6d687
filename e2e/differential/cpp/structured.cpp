// A type that takes itself apart, and concepts that ask for that.
#include <concepts>
#include <iostream>
#include <ranges>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

class Person {
    std::string name = "Ada";
    int year = 1815;

  public:
    template <std::size_t N>
    auto get() const {
        if constexpr (N == 0) return name;
        else return year;
    }
};
template <>
struct std::tuple_size<Person> : std::integral_constant<std::size_t, 2> {};
template <std::size_t N>
struct std::tuple_element<N, Person> {
    using type = decltype(std::declval<Person>().get<N>());
};

template <typename T>
concept Named = requires(T t) { { t.template get<0>() } -> std::convertible_to<std::string>; };

template <typename T>
inline constexpr bool is_view = false;
class Countdown : public std::ranges::view_interface<Countdown> {
    std::vector<int> numbers{3, 2, 1};

  public:
    auto begin() const { return numbers.begin(); }
    auto end() const { return numbers.end(); }
};
template <>
inline constexpr bool std::ranges::enable_borrowed_range<Countdown> = false;

int main() {
    auto [name, year] = Person{};
    std::cout << name << year << Named<Person> << Named<int> << Countdown{}.front() << Countdown{}.size();
    for (int n : std::views::iota(1, 9) | std::views::filter([](int n) { return n % 3; }) | std::views::transform([](int n) { return n * n; }))
        std::cout << ' ' << n;
    std::cout << '\n';
}
