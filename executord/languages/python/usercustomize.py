# Pre-warms an interpreter that was started before its program is known. It waits until the program's command line arrives
# on descriptor 3, and then continues as if Python had been started with it. In a cold sandbox it does not wait. In both it
# prepares the interpreter to exit as soon as the program has ended: exit.c. See docs/launchers.md.
#
# Python imports this module immediately before it opens the main file, because PYTHONPATH contains its directory. The code
# below reverts every change that a program could observe. It defines no functions: they would form reference cycles with
# this module, which would then not be freed when it ends.
import os
import sys

here = __file__.rpartition("/")[0]
# Another interpreter in the process of a program searches the same path, after this module was there before.
is_first = os.environ.get("PYTHONPATH") == here
is_zygote = is_first and here.endswith("/zygote")
is_warm = is_first and not here.endswith("/cold")
set_main_file = None
if is_zygote:
    import executor_zygote
    fork, copy_while_waiting = executor_zygote.fork, executor_zygote.copy_while_waiting
    del executor_zygote, sys.modules["executor_zygote"]

if is_first:
    del os.environ["PYTHONPATH"]
    # Missing if it could not be compiled, and refused by another version of Python.
    try:
        import executor_exit
        set_main_file = executor_exit.set_main_file
        # The function keeps its module, which must not keep the function: only the garbage collector would free both.
        executor_exit.__dict__.clear()
        del executor_exit, sys.modules["executor_exit"]
    except ImportError:
        pass

sys.path.remove(here)
del sys.path_importer_cache[here]

# Without this launcher, Python would now import the module of this name that the host may have.
del sys.modules["usercustomize"]
try:
    import usercustomize
except ImportError:
    pass

if is_zygote:
    # From here on this is the fork, with its own descriptor 3. The environment of the C library is moved out of the memory
    # that /proc/self/environ shows, which is overwritten below.
    os.environ["USER"] = os.environ["LOGNAME"] = fork()
    for name in os.environ:
        os.environ[name] = os.environ[name]

# /proc/self/environ shows the environment that the process was started with. PYTHONPATH is the last variable in it. In a fork
# that rehearses, there is no /proc.
if is_first:
    try:
        with open("/proc/self/stat", "rb", 0) as file:
            start, end = map(int, file.read().rpartition(b")")[2].split()[47:49])
        with open("/proc/self/mem", "r+b", 0) as file:
            if is_zygote:
                environment = b"".join(os.fsencode(f"{name}={os.environ[name]}\0") for name in os.environ)
                file.seek(start)
                file.write(environment.ljust(end - start, b"\0")[:end - start])
            else:
                file.seek(start)
                rest = file.read(end - start).partition(b"\0PYTHONPATH=")[2]
                if rest.find(b"\0") == len(rest) - 1:
                    file.seek(end - len(rest) - len("PYTHONPATH="))
                    file.write(bytes(len("PYTHONPATH=") + len(rest)))
    except OSError:
        pass

# The modules that the administrator wants to be imported before a program comes. One that cannot be imported is left to it.
if is_warm and "PYTHONUSERBASE" in os.environ:
    try:
        with open("/packages/preload") as file:
            for module in file.read().split():
                __import__(module)
            del module
    except Exception:
        pass

if is_warm:
    os.write(3, b"R")
    if is_zygote:
        copy_while_waiting()
    command_line = b""
    while chunk := os.read(3, 65536):
        command_line += chunk
    os.close(3)
    if not command_line:
        os._exit(0)
    command_line = os.fsdecode(command_line[:-1]).split("\0")
    expected = sys.argv[0]
    sys.argv[:] = command_line[len(sys.orig_argv) - len(sys.argv):]
    sys.orig_argv[:] = command_line
    if sys.argv[0] != expected:
        if set_main_file is None:
            # Nothing can tell this interpreter, so another one begins.
            os.execv(sys.executable, command_line)
        # As Python makes it absolute.
        set_main_file(os.path.join(os.getcwd(), sys.argv[0].removeprefix("./")), sys.argv[0])
if "usercustomize" not in sys.modules:
    raise ImportError(name="usercustomize")
