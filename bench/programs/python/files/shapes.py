from dataclasses import dataclass
from math import pi


@dataclass
class Square:
    side: float

    def area(self):
        return self.side**2


@dataclass
class Circle:
    radius: float

    def area(self):
        return pi * self.radius**2
