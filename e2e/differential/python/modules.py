import sys

names = list(sys.modules)
# Of the distribution, and shown to no sandbox: it is a link out of /usr.
print([name for name in names if name != "sitecustomize"])
for name in names:
    module = sys.modules[name]
    print(name, getattr(module, "__file__", None), getattr(module, "__cached__", None))
