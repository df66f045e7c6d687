#include "shapes.h"

#include <iostream>
#include <memory>
#include <vector>

int main() {
    std::vector<std::unique_ptr<Shape>> shapes;
    shapes.push_back(square(2));
    shapes.push_back(circle(1));
    shapes.push_back(square(3));
    for (const auto& shape : shapes) std::cout << shape->name() << ' ' << shape->area() << '\n';
}
