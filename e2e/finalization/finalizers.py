#: instance
class Object:
    def __del__(self):
        print("gone")


kept = Object()
print("end")
#: instance_gone, skipped
class Object:
    def __del__(self):
        print("gone")


Object()
print("end")
#: several_in_order
class Object:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("gone", self.name)


one, two = Object(1), Object(2)
_private = Object("private")
listed = [Object(number) for number in range(3)]
#: cycle
class Object:
    def __del__(self):
        print("gone")


kept = Object()
kept.self = kept
del kept
print("end")
#: inherited
class Base:
    def __del__(self):
        print("gone", type(self).__name__)


class Derived(Base):
    pass


kept = Derived()
#: added_later
class Object:
    pass


kept = Object()
Object.__del__ = lambda self: print("gone")
#: slots
class Object:
    __slots__ = ("value",)

    def __del__(self):
        print("gone")


kept = Object()
#: untracked_integer
class Number(int):
    __slots__ = ()

    def __del__(self):
        print("number gone", int(self))


kept = Number(7)
#: untracked_empty_slots
class Empty:
    __slots__ = ()

    def __del__(self):
        print("empty gone")


kept = Empty()
#: untracked_derived
class Base(str):
    __slots__ = ()


class Derived(Base):
    __slots__ = ()

    def __del__(self):
        print("text gone", str(self))


kept = Derived("x")
#: float_in_tuple
class Number(float):
    __slots__ = ()

    def __del__(self):
        print("float gone")


kept = ((Number(1.5),),)
#: in_dictionary
class Object:
    def __del__(self):
        print("gone")


kept = {"deep": [{"deeper": (Object(),)}]}
#: in_closure
class Object:
    def __del__(self):
        print("gone")


def make():
    kept = Object()

    def function():
        return kept

    return function


function = make()
#: in_default_argument
class Object:
    def __del__(self):
        print("gone")


def function(kept=Object()):
    return kept
#: in_class_attribute
class Object:
    def __del__(self):
        print("gone")


class Holder:
    kept = Object()
#: in_cache
import functools


class Object:
    def __del__(self):
        print("gone")


@functools.lru_cache
def make(number):
    return Object()


make(1)
#: in_partial
import functools


class Object:
    def __del__(self):
        print("gone")


kept = functools.partial(print, Object())
#: in_iterator
class Object:
    def __del__(self):
        print("gone")


kept = zip([Object()], map(lambda element: element, [Object()]))
#: in_module
import sys
import types


class Object:
    def __del__(self):
        print("gone")


sys.modules["invented"] = types.ModuleType("invented")
sys.modules["invented"].kept = Object()
#: in_builtins
import builtins


class Object:
    def __del__(self):
        print("gone")


builtins.kept = Object()
#: in_sys
import sys


class Object:
    def __del__(self):
        print("gone", sys)


sys.kept = Object()
#: in_exception
class Object:
    def __del__(self):
        print("gone")


def fail():
    kept = Object()
    raise ValueError


try:
    fail()
except ValueError as error:
    kept = error
print("end")
#: in_exit_status_frame, skipped
import sys


class Object:
    def __del__(self):
        print("gone")


def leave():
    kept = Object()
    sys.exit(0)


leave()
#: in_weak_value
import weakref


class Object:
    def __del__(self):
        print("gone")


kept = Object()
values = weakref.WeakValueDictionary(a=kept)
#: in_context_variable
import contextvars


class Object:
    def __del__(self):
        print("gone")


variable = contextvars.ContextVar("variable")
variable.set(Object())
#: in_thread_local
import threading


class Object:
    def __del__(self):
        print("gone")


local = threading.local()
local.kept = Object()
#: in_deque
import collections


class Object:
    def __del__(self):
        print("gone")


kept = collections.deque([Object(), Object()])
#: in_set_and_frozenset
class Object:
    def __del__(self):
        print("gone")


kept = {frozenset([Object()])}
#: in_property
class Object:
    def __del__(self):
        print("gone")


class Holder:
    value = property(Object().__init__)
#: in_frame
import sys


class Object:
    def __del__(self):
        print("gone")


def frame():
    kept = Object()
    return sys._getframe()


kept = frame()
#: in_frozen_generation
import gc


class Object:
    def __del__(self):
        print("gone")


kept = Object()
gc.freeze()
#: old_generation
import gc


class Object:
    def __del__(self):
        print("gone")


kept = Object()
gc.collect()
gc.collect()
#: collector_disabled
import gc

gc.disable()


class Object:
    def __del__(self):
        print("gone")


kept = Object()
kept.self = kept
del kept
#: reads_modules
import sys


class Object:
    def __del__(self):
        print("gone", sys.modules.get("main"), print, __name__)


kept = Object()
#: raises
class Object:
    def __del__(self):
        raise ValueError("in a finalizer")


kept = Object()
#: resurrects
class Object:
    def __del__(self):
        print("gone")
        alive.append(self)


alive = []
kept = Object()
#: creates_more
class Object:
    def __init__(self, number):
        self.number = number

    def __del__(self):
        print("gone", self.number)
        if self.number:
            globals()["kept"] = Object(self.number - 1)


kept = Object(3)
#: writes_to_stderr
import sys


class Object:
    def __del__(self, write=sys.stderr.write):
        write("gone\n")


kept = Object()
#: ends_process
import os


class Object:
    def __del__(self):
        os._exit(9)


kept = Object()
#: metaclass
class Meta(type):
    def __del__(cls):
        print("class gone", cls.__name__)


class Object(metaclass=Meta):
    pass
#: module_subclass
import sys
import types


class Module(types.ModuleType):
    def __del__(self):
        print("module gone")


sys.modules["invented"] = Module("invented")
#: exception_with_finalizer
class Failure(Exception):
    def __del__(self):
        print("exception gone")


try:
    raise Failure
except Failure as failure:
    kept = failure
#: reference_with_finalizer
import weakref


class Reference(weakref.ref):
    def __del__(self):
        print("reference gone")


class Object:
    pass


kept = Object()
reference = Reference(kept)
#: function_attribute
class Object:
    def __del__(self):
        print("gone")


def function():
    pass


function.kept = Object()
#: replaced_modules_entry
import sys


class Object:
    def __del__(self):
        print("gone")


sys.modules["main"] = Object()
#: descriptor_slots
class Descriptor:
    def __del__(self):
        print("descriptor gone")


class Holder:
    value = Descriptor()
#: dict_subclass
class Mapping(dict):
    def __del__(self):
        print("mapping gone", len(self))


kept = Mapping(a=1)
#: list_subclass
class Items(list):
    def __del__(self):
        print("items gone", len(self))


kept = Items([1, 2])
#: getattr_fallback, skipped
class Object:
    def __getattr__(self, name):
        print("asked for", name)
        raise AttributeError(name)


kept = Object()
#: instance_attribute_is_no_finalizer, skipped
class Object:
    pass


kept = Object()
kept.__del__ = lambda: print("never called")
#: custom_hash_in_set, skipped
class Object:
    def __hash__(self):
        print("hashed")
        return 1

    def __eq__(self, other):
        print("compared")
        return self is other


kept = {Object(), Object()}
#: name_with_methods
class Name(str):
    def __hash__(self):
        return str.__hash__(self)

    def __eq__(self, other):
        print("compared")
        return str.__eq__(self, other)


globals()[Name("name")] = 1
#: module_name_with_methods
import sys


class Name(str):
    def __hash__(self):
        return str.__hash__(self)

    def __eq__(self, other):
        return str.__eq__(self, other)


sys.modules[Name("name")] = sys
