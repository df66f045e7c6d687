from dataclasses import dataclass
from math import pi


@dataclass
class Circle:
    radius: float

    def area(self) -> float:
        return pi * self.radius**2


@dataclass
class Square:
    side: float

    def area(self) -> float:
        return self.side**2
