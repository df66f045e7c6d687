#include <string>
#include "shape.h"
#include <vector>

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.name << ' '; }
int corners_of(const Shape& shape) { return std::vector<int>(shape.corners).size(); }
int& counter_elsewhere() { return shared_counter(); }
