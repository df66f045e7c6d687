import os
import threading

os.register_at_fork(before=lambda: print("before", flush=True), after_in_child=lambda: print("in the child", flush=True))
if os.fork() == 0:
    import importlib
    importlib.invalidate_caches()
    os._exit(0)
os.wait()
print("parent", threading.active_count())
