import inspect
import linecache
import traceback

frame = inspect.currentframe()
print(frame.f_back, frame.f_code.co_filename, frame.f_lineno, inspect.stack()[0].code_context)
print(inspect.getsource(inspect.currentframe().f_code)[:20], len(traceback.extract_stack()))
print(linecache.getline(__file__, 1).strip(), [name for name in linecache.cache if "box" in name])


def function():
    return [frame.function for frame in inspect.stack()]


print(function(), inspect.getsourcefile(function))
