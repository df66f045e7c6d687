#: callback
import weakref


class Object:
    pass


kept = Object()
reference = weakref.ref(kept, lambda gone: print("callback"))
#: builtin_callback
import weakref


class Object:
    pass


kept = Object()
reference = weakref.ref(kept, print)
#: subclass_callback
import weakref


class Reference(weakref.ref):
    pass


class Object:
    pass


kept = Object()
reference = Reference(kept, lambda gone: print("callback"))
#: proxy_callback
import weakref


class Object:
    pass


kept = Object()
proxy = weakref.proxy(kept, lambda gone: print("callback"))
#: callable_proxy_callback
import weakref


def function():
    pass


proxy = weakref.proxy(function, lambda gone: print("callback"))
#: without_callback, skipped
import weakref


class Object:
    pass


kept = Object()
reference = weakref.ref(kept)
print(reference() is kept)
#: dead, skipped
import weakref


class Object:
    pass


reference = weakref.ref(Object(), lambda gone: print("callback"))
print("end")
#: to_class
import weakref


class Object:
    pass


reference = weakref.ref(Object, lambda gone: print("class gone"))
#: to_module
import sys
import types
import weakref

sys.modules["invented"] = types.ModuleType("invented")
reference = weakref.ref(sys.modules["invented"], lambda gone: print("module gone"))
#: to_main
import sys
import weakref

reference = weakref.ref(sys.modules["__main__"], lambda gone: print("main gone"))
#: finalize, skipped
import weakref


class Object:
    pass


kept = Object()
finalizer = weakref.finalize(kept, print, "finalized")
#: finalize_not_at_exit
import weakref


class Object:
    pass


kept = Object()
weakref.finalize(kept, print, "finalized").atexit = False
#: weak_set, skipped
import weakref


class Object:
    pass


kept = Object()
objects = weakref.WeakSet([kept])
print(len(objects))
#: weak_keys, skipped
import weakref


class Object:
    pass


kept = Object()
names = weakref.WeakKeyDictionary({kept: "name"})
print(len(names))
#: weak_keys_with_finalizer
import weakref


class Object:
    pass


class Value:
    def __del__(self):
        print("value gone")


kept = Object()
names = weakref.WeakKeyDictionary({kept: Value()})
#: weak_values
import weakref


class Object:
    pass


kept = Object()
names = weakref.WeakValueDictionary(name=kept)
print(len(names))
#: weak_method
import weakref


class Object:
    def method(self):
        pass


kept = Object()
reference = weakref.WeakMethod(kept.method, lambda gone: print("callback"))
#: abstract_classes, skipped
import abc
import collections.abc


class Plugin(abc.ABC):
    pass


@Plugin.register
class Registered:
    pass


print(issubclass(Registered, Plugin), isinstance(3, Plugin), isinstance([], collections.abc.Sequence))
#: single_dispatch, skipped
import functools


@functools.singledispatch
def describe(value):
    return "object"


@describe.register
def _(value: int):
    return "integer"


print(describe(1), describe("x"))
