# Holds an interpreter back that was started before its program came, until the program's command line arrives on
# descriptor 3, and then lets it go on as if it had been started by that. See docs/launchers.md.
#
# Python imports this module last before it opens the main file, because PYTHONPATH leads here. What follows puts back
# what that changed. No function is defined, so that nothing refers to this module in a circle and it is gone at its end.
import os
import sys

here = os.environ["PYTHONPATH"]
is_zygote = here.endswith("/zygote")
if is_zygote:
    import executor_zygote
    fork = executor_zygote.fork
    del executor_zygote, sys.modules["executor_zygote"]

del os.environ["PYTHONPATH"]
sys.path.remove(here)
del sys.path_importer_cache[here]

# Somebody else's module of this name would have been imported now.
del sys.modules["usercustomize"]
try:
    import usercustomize
except ImportError:
    pass

if is_zygote:
    # From here on this is the copy, and descriptor 3 is its own. What the C library has of the environment must not
    # be where the process was started with it.
    os.environ["USER"] = os.environ["LOGNAME"] = fork()
    for name in os.environ:
        os.environ[name] = os.environ[name]

# /proc/self/environ shows what the process was started with. Ours is what it was started with last.
with open("/proc/self/stat", "rb", 0) as file:
    start, end = map(int, file.read().rpartition(b")")[2].split()[47:49])
try:
    with open("/proc/self/mem", "r+b", 0) as file:
        if is_zygote:
            words = b"".join(os.fsencode(f"{name}={os.environ[name]}\0") for name in os.environ)
            file.seek(start)
            file.write(words.ljust(end - start, b"\0")[:end - start])
        else:
            file.seek(start)
            rest = file.read(end - start).partition(b"\0PYTHONPATH=")[2]
            if rest.find(b"\0") == len(rest) - 1:
                file.seek(end - len(rest) - len("PYTHONPATH="))
                file.write(bytes(len("PYTHONPATH=") + len(rest)))
except OSError:
    pass

os.write(3, b"R")
words = b""
while piece := os.read(3, 65536):
    words += piece
os.close(3)
if not words:
    os._exit(0)
words = os.fsdecode(words[:-1]).split("\0")
sys.argv[:] = words[len(sys.orig_argv) - len(sys.argv):]
sys.orig_argv[:] = words
if "usercustomize" not in sys.modules:
    raise ImportError(name="usercustomize")
