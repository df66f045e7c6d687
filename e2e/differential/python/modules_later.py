import gc
import importlib.util
import site
import sys

print(importlib.util.find_spec("usercustomize"))
print(site.ENABLE_USER_SITE, site.PREFIXES)
print("usercustomize" in sys.modules, "gc" in dir(), sys.modules["gc"] is gc)
print([name for name in vars(site) if not name.startswith("_")])
try:
    import usercustomize
except ImportError as error:
    print(repr(error), error.name, error.path)
