import gc
import os
import sys

import helper

print(sys.argv, sys.orig_argv[1:], sys.path[0], __file__, __name__, helper.double(21), helper.__file__)
print(sorted(sys.path_importer_cache), list(sys.modules) == list(dict.fromkeys(sys.modules)))
print([name for name in sys.modules if "executor" in name or "launcher" in name], gc.collect())
print(gc.get_objects()[0] is not None, os.path.samefile(__file__, sys.argv[0]))


def fail(depth):
    if depth:
        fail(depth - 1)
    raise KeyError(depth)


fail(3)
