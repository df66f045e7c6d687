from shapes import Circle, Square

shapes = [Circle(1), Square(2), Circle(0.5)]

for shape in sorted(shapes, key=lambda shape: shape.area()):
    print(f"{shape!s:14} {shape.area():6.2f}")
