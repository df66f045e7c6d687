#include "shapes.h"

namespace {

class Square : public Shape {
public:
    explicit Square(double side) : side(side) {}
    std::string name() const override { return "Square"; }
    double area() const override { return side * side; }

private:
    double side;
};

class Circle : public Shape {
public:
    explicit Circle(double radius) : radius(radius) {}
    std::string name() const override { return "Circle"; }
    double area() const override { return 3.14159265358979 * radius * radius; }

private:
    double radius;
};

}

std::unique_ptr<Shape> square(double side) {
    return std::make_unique<Square>(side);
}

std::unique_ptr<Shape> circle(double radius) {
    return std::make_unique<Circle>(radius);
}
