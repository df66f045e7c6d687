import sys

import helper
from package import member
from package.inner import deep
import namespace.part

print(helper.__file__, helper.__cached__, helper.__spec__.origin, sys.path[0])
print(member, deep(), namespace.__path__, namespace.part.value)
print(sorted(name for name in sys.modules if name.startswith(("helper", "package", "namespace"))))
helper.fail()
