import collections.abc
import importlib
import json
import random
import sys
import types

before = set(sys.modules)
import decimal
print(sorted(set(sys.modules) - before))
print(json.__file__, types.__cached__, collections.abc.__spec__)
random.seed(1)
print(random.random(), random.choice("abc"))
importlib.reload(json)
try:
    import no_such_module
except ModuleNotFoundError as error:
    print(error)
