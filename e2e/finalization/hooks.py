#: audit
import sys

sys.addaudithook(lambda event, arguments: print(event) if event.startswith("cpython.") else None)
print("end")
#: collector_callback
import gc

gc.callbacks.append(lambda phase, information: print(phase))
print("end")
#: collector_callback_removed, skipped
import gc

gc.callbacks.append(print)
gc.callbacks.pop()
print("end")
#: collector_uncollectable
import gc

gc.set_debug(gc.DEBUG_SAVEALL | gc.DEBUG_UNCOLLECTABLE)
kept = []
kept.append(kept)
del kept
print("end")
#: collector_garbage
import gc
import warnings

warnings.simplefilter("always")
gc.garbage.append(1)
#: trace
import sys


class Object:
    def __del__(self):
        pass


kept = Object()
sys.settrace(lambda frame, event, argument: print(event, frame.f_code.co_name))
#: profile
import sys

sys.setprofile(lambda frame, event, argument: None)
print("end")
#: cprofile
import cProfile

profile = cProfile.Profile()
profile.enable()
print("end")
#: unraisable_hook
import sys

sys.unraisablehook = lambda unraisable: print("unraisable", unraisable.exc_value)


class Object:
    def __del__(self):
        raise ValueError("in a finalizer")


kept = Object()
#: display_and_exception_hooks, skipped
import sys

sys.displayhook = print
sys.excepthook = print
print("end")
#: inspect_variable
import os

os.environ["PYTHONINSPECT"] = "1"
print("end")
#: inspect_variable_at_exit
import atexit
import os

atexit.register(os.environ.__setitem__, "PYTHONINSPECT", "1")
print("end")
#: c_library_output
import ctypes

ctypes.CDLL(None).printf(b"from C\n")
print("from Python")
#: c_library_exit_function
import ctypes

library = ctypes.CDLL(None)
callback = ctypes.CFUNCTYPE(None)(lambda: None)
print("end")
#: c_library_buffer
import ctypes

stream = ctypes.c_void_p.in_dll(ctypes.CDLL(None), "stdout")
ctypes.CDLL(None).fputs(b"kept in C's buffer", stream)
#: database
import sqlite3

database = sqlite3.connect("a.db")
database.execute("create table t (x)")
database.execute("insert into t values (1)")
print(database.execute("select * from t").fetchall())
#: database_finalizer
import sqlite3


class Object:
    def __del__(self):
        print("gone")


database = sqlite3.connect(":memory:")
kept = Object()
database.set_progress_handler(lambda: 0, 1000)
database.create_function("f", 0, kept.__class__)
#: subinterpreter
import _xxsubinterpreters as interpreters

other = interpreters.create()
interpreters.run_string(other, "print('in the other', flush=True)")
print("end")
#: faulthandler, skipped
import faulthandler

faulthandler.enable()
print("end")
#: tracemalloc, skipped
import tracemalloc

tracemalloc.start()
print(tracemalloc.is_tracing())
#: fork_hooks, skipped
import os

os.register_at_fork(before=print)
print("end")
#: main_module_removed, skipped
import sys

del sys.modules["__main__"]
print("end")
#: modules_removed, skipped
import sys

for name in list(sys.modules):
    if name not in ("sys", "builtins"):
        del sys.modules[name]
print("end")
#: modules_cleared, skipped
import sys

sys.modules.clear()
print("end")
#: modules_replaced, skipped
import sys

sys.modules = dict(sys.modules)
print("end")
#: stdout_class_changed, skipped
import io
import sys


class Output(io.TextIOWrapper):
    def flush(self):
        super().flush()
        sys.__stderr__.write("flush\n")


try:
    sys.stdout.__class__ = Output
except TypeError as error:
    print(error)
#: builtins_changed, skipped
import builtins

builtins.print = lambda *words: sys.stdout.write(" ".join(words) + "!\n")
import sys

print("end")
#: own_module_of_same_name, skipped
import sys

print("executor_exit" in sys.modules, "usercustomize" in sys.modules)
try:
    import executor_exit
except ImportError as error:
    print(error)
#: garbage_is_not_more, skipped
import gc

print(gc.collect(), len(gc.garbage), gc.callbacks)
print([type(value).__name__ for value in gc.get_objects() if "executor" in repr(type(value))])
print([value for value in gc.get_objects() if getattr(value, "__name__", "") == "end_process"])
#: exit_functions_are_not_more, skipped
import atexit

print(atexit._ncallbacks())
#: search_path_is_unchanged, skipped
import os
import sys

print([path for path in sys.path if "launcher" in path], "PYTHONPATH" in os.environ)
print([path for path in sys.path_importer_cache if "launcher" in path])
print("PYTHONPATH" in open("/proc/self/environ").read())
#: environment_of_children, skipped
import os
import subprocess

print(sorted(name for name in os.environ))
print(subprocess.run(["env"], capture_output=True, text=True).stdout.count("\n"))
#: recursion_limit_is_unchanged, skipped
def depth(number):
    try:
        return depth(number + 1)
    except RecursionError:
        return number


print(depth(0))
#: frames, skipped
import sys
import traceback

frame = sys._getframe()
print(frame.f_back, len(traceback.extract_stack()))
#: subclasses, skipped
print([kind for kind in object.__subclasses__() if "exit" in kind.__name__])
