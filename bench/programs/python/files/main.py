from shapes import Circle, Square
from report import table

print(table([Square(2), Circle(1), Square(3)]))
