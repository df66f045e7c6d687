#pragma once
#include <ostream>
#include <string>
#include <vector>
#define SHAPE_FILE __FILE__
struct Shape {
    std::string name;
    int corners;
};
std::ostream& operator<<(std::ostream& out, const Shape& shape);
int corners_of(const Shape& shape);
inline int& shared_counter() {
    static int counter = 0;
    return counter;
}
int& counter_elsewhere();
