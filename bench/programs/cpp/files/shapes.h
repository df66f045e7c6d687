#pragma once

#include <memory>
#include <string>

class Shape {
public:
    virtual ~Shape() = default;
    virtual std::string name() const = 0;
    virtual double area() const = 0;
};

std::unique_ptr<Shape> square(double side);
std::unique_ptr<Shape> circle(double radius);
