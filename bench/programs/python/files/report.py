def table(shapes):
    return "\n".join(f"{type(shape).__name__:8}{shape.area():8.3f}" for shape in shapes)
