import sys

print(__name__, __file__, __doc__, __package__, __spec__, __loader__.__class__.__name__, __builtins__.__name__)
print(sorted(globals()))
print(sys.modules["__main__"].__dict__ is globals(), __annotations__ if "__annotations__" in globals() else None)
print(__loader__.name, __loader__.path)
