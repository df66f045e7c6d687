#: hello, skipped
print("hello")
#: nothing, skipped
#: large_output, skipped
for number in range(20000):
    print(number, "x" * (number % 50))
#: no_newline, skipped
import sys

sys.stdout.write("no end of line")
#: errors_and_output, skipped
import sys

print("out", end="")
print("err", end="", file=sys.stderr)
#: binary_output, skipped
import sys

sys.stdout.buffer.write(bytes(range(256)) * 3)
#: binary_and_text_output, skipped
import sys

print("text", end=" ")
sys.stdout.flush()
sys.stdout.buffer.write(b"bytes ")
print("text again", end="")
#: raw_output, skipped
import os

print("buffered, so last", end="")
os.write(1, b"first ")
#: exit_none, skipped
import sys

print("before")
sys.exit()
#: exit_zero, skipped
import sys

print("before")
sys.exit(0)
#: exit_in_function, skipped
import sys


def leave():
    try:
        sys.exit(0)
    finally:
        print("finally")


leave()
#: exit_builtin, skipped
print("before")
exit()
#: quit_zero, skipped
print("before")
quit(0)
#: system_exit_instance, skipped
raise SystemExit(None)
#: exit_one
import sys

print("before", end="")
sys.exit(1)
#: exit_text
raise SystemExit("a message")
#: exit_false
import sys

sys.exit(False)
#: exit_tuple
raise SystemExit(0, 1)
#: exit_large
import sys

sys.exit(256)
#: exit_subclass
class Leave(SystemExit):
    @property
    def code(self):
        print("asked for the code")
        return 4


raise Leave(0)
#: exit_code_attribute
import sys

try:
    sys.exit(0)
except SystemExit as error:
    error.code = 5
    raise
#: exit_code_zero_attribute, skipped
import sys

try:
    sys.exit(5)
except SystemExit as error:
    error.code = 0
    raise
#: exit_integer_subclass
import sys


class Zero(int):
    pass


sys.exit(Zero(0))
#: uncaught
print("before", end="")
raise ValueError("uncaught")
#: uncaught_hidden
import atexit
import sys


def forget(*error):
    for name in ("last_type", "last_value", "last_traceback"):
        delattr(sys, name)
    print("silent")


sys.excepthook = forget
raise ValueError("uncaught")
#: keyboard_interrupt
raise KeyboardInterrupt
#: syntax_error
print("never"
#: other_encoding, skipped
# -*- coding: latin-1 -*-
print("declared encoding")
#: os_exit
import os

print("lost")
os._exit(0)
#: exec_self
import os
import sys

if "again" not in sys.argv:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "main.py", "again"])
print("second process")
#: many_objects, skipped
kept = [[number, str(number), {number: number}] for number in range(50000)]
cycle = []
cycle.append(cycle)
print(len(kept))
#: classes, skipped
import abc
import collections
import dataclasses
import enum
import functools
import typing


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


@dataclasses.dataclass
class Square(Shape):
    side: float

    @functools.cached_property
    def text(self):
        return f"square of {self.side}"

    def area(self):
        return self.side**2


class Color(enum.Enum):
    RED = 1


Point = collections.namedtuple("Point", "x y")
shapes: typing.List[Shape] = [Square(2), Square(3)]
print([shape.area() for shape in shapes], shapes[0].text, Color.RED, Point(1, 2), isinstance(3, collections.abc.Hashable))
#: modules, skipped
import array, base64, bisect, calendar, cmath, copy, csv, datetime, decimal, difflib, fractions, hashlib, heapq, itertools
import json, math, operator, pprint, queue, random, re, statistics, string, struct, textwrap, time, unicodedata, uuid, zlib

print(json.dumps({"pi": round(math.pi, 3)}), decimal.Decimal("0.1") * 3, fractions.Fraction(1, 3))
print(hashlib.sha256(b"x").hexdigest(), statistics.mean([1, 2, 3]), zlib.crc32(b"x"), re.sub("a", "b", "banana"))
#: caches, skipped
import functools


@functools.lru_cache(maxsize=None)
def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


print(fibonacci(80))
#: deep_recursion, skipped
import sys

sys.setrecursionlimit(10**5)


def depth(number):
    return 0 if number == 0 else 1 + depth(number - 1)


print(depth(50000))
#: subclass_without_finalizer, skipped
class Number(int):
    __slots__ = ()


class Text(str):
    pass


class Mapping(dict):
    def __missing__(self, key):
        return key


numbers = [Number(5), Text("x"), Mapping(a=1)]
print(numbers, numbers[2]["nothing"])
#: exception_kept, skipped
try:
    1 / 0
except ZeroDivisionError as error:
    kept = error
print(repr(kept), kept.__traceback__.tb_lineno)
#: frozen_objects, skipped
import gc

gc.freeze()
print(gc.isenabled())
#: collector_disabled, skipped
import gc

gc.disable()
ring = []
ring.append(ring)
del ring
print("off")
