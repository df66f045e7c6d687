// What the library is told of a type of one's own, after the header that asks.
#include <functional>
#include <iostream>
#include <string>
#include <unordered_map>
#include <unordered_set>

struct Point {
    int x, y;
    bool operator==(const Point&) const = default;
};

template <>
struct std::hash<Point> {
    std::size_t operator()(const Point& point) const noexcept { return point.x * 31 + point.y; }
};

int main() {
    std::unordered_map<Point, std::string> names{{{1, 2}, "a"}, {{3, 4}, "b"}};
    std::unordered_set<Point> seen{{1, 2}, {1, 2}, {5, 6}};
    std::cout << names[{3, 4}] << names.size() << seen.size() << std::hash<Point>{}({7, 8}) << '\n';
}
