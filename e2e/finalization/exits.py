#: registered, skipped
import atexit

atexit.register(print, "registered first")
atexit.register(print, "registered last")
print("end")
#: registered_and_finalizer
import atexit


class Object:
    def __del__(self):
        print("gone")


kept = Object()
atexit.register(print, "at exit")
#: registered_at_exit, skipped
import atexit


def late():
    atexit.register(print, "never called")
    print("at exit")


atexit.register(late)
#: object_created_at_exit
import atexit


class Object:
    def __del__(self):
        print("gone")


def create():
    global kept
    kept = Object()


atexit.register(create)
#: output_replaced_at_exit
import atexit
import sys


class Output:
    def write(self, text):
        sys.__stderr__.write(text)

    def flush(self):
        sys.__stderr__.write("[flush]")


atexit.register(lambda: setattr(sys, "stdout", Output()))
print("text")
#: fails_at_exit, skipped
import atexit

atexit.register(lambda: 1 / 0)
print("end")
#: exit_at_exit, skipped
import atexit
import sys

atexit.register(sys.exit, 3)
print("end")
#: os_exit_at_exit
import atexit
import os

atexit.register(os._exit, 4)
print("end", flush=True)
#: unregistered, skipped
import atexit

atexit.register(print, "removed")
atexit.unregister(print)
print("end")
#: cleared, skipped
import atexit

atexit.register(print, "removed")
atexit._clear()
print("end", atexit._ncallbacks())
#: run_early, skipped
import atexit

atexit.register(print, "called early")
atexit._run_exitfuncs()
print("end")
#: run_early_at_exit
import atexit


class Object:
    def __del__(self):
        print("gone")


kept = Object()
atexit.register(print, "called once")
atexit.register(atexit._run_exitfuncs)
#: unregistered_at_exit_by_comparison
import atexit


class Any:
    def __eq__(self, other):
        return True


atexit.register(print, "never called")
atexit.register(atexit.unregister, Any())
print("end")
#: many_registered, skipped
import atexit

for number in range(100):
    atexit.register(print, number)
#: flush_counted
import atexit
import sys


class Output:
    flushed = 0

    def write(self, text):
        sys.__stdout__.write(text)

    def flush(self):
        Output.flushed += 1
        sys.__stderr__.write(f"flush {Output.flushed}\n")


sys.stdout = Output()
print("text")
#: thread, skipped
import threading
import time


def work():
    time.sleep(0.05)
    print("thread ends")


threading.Thread(target=work).start()
print("main ends")
#: thread_joined, skipped
import threading

thread = threading.Thread(target=print, args=("in thread",))
thread.start()
thread.join()
print("main ends")
#: thread_with_finalizer
import threading


class Object:
    def __del__(self):
        print("gone")


def work():
    global kept
    kept = Object()


threading.Thread(target=work).start()
#: thread_sets_status, skipped
import sys
import threading
import time


def work():
    time.sleep(0.05)
    sys.exit(3)


threading.Thread(target=work).start()
#: thread_fails, skipped
import threading
import time


def work():
    time.sleep(0.05)
    raise ValueError("in thread")


threading.Thread(target=work).start()
#: daemon_thread
import threading
import time


def work():
    while True:
        time.sleep(0.01)


threading.Thread(target=work, daemon=True).start()
print("main ends")
#: raw_thread
import _thread
import time

_thread.start_new_thread(time.sleep, (10,))
time.sleep(0.05)
print("main ends")
#: thread_exit_functions, skipped
import threading

threading._register_atexit(print, "threads ended")
print("main ends")
#: executor, skipped
import concurrent.futures

executor = concurrent.futures.ThreadPoolExecutor(2)
print(executor.submit(sum, [1, 2]).result())
#: executor_left, skipped
import concurrent.futures

with concurrent.futures.ThreadPoolExecutor(2) as executor:
    print(sorted(executor.map(abs, [-1, -2])))
#: timer, skipped
import threading

threading.Timer(0.05, print, ("timer",)).start()
print("main ends")
#: process_pool
import multiprocessing

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map(abs, [-1, -2]))
#: process
import multiprocessing


class Object:
    def __del__(self):
        print("gone", flush=True)


def work():
    print("child", flush=True)


if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    print(child.exitcode)
#: fork, skipped
import os

print("before")
if os.fork():
    os.wait()
    print("parent")
else:
    print("child")
#: fork_with_finalizer
import os


class Object:
    def __del__(self):
        print("gone", child == 0)


kept = Object()
child = os.fork()
if child:
    os.wait()
#: subprocess_completed, skipped
import subprocess

print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout)
#: signal_handler, skipped
import signal

signal.signal(signal.SIGTERM, lambda number, frame: print("signal"))
signal.raise_signal(signal.SIGTERM)
#: signal_handler_object
import signal


class Handler:
    def __call__(self, number, frame):
        print("signal")

    def __del__(self):
        print("handler gone")


signal.signal(signal.SIGUSR1, Handler())
#: logging, skipped
import logging

logging.basicConfig(format="%(levelname)s %(message)s")
logging.getLogger("name").warning("message")
#: logging_to_file
import os

if os.fork():
    os.wait()
    os.system("cat log.txt")
    os._exit(0)

import logging
logging.basicConfig(filename="log.txt", format="%(message)s")
logging.warning("message")
#: logging_buffered, skipped
import logging
import logging.handlers
import sys

handler = logging.handlers.MemoryHandler(100, target=logging.StreamHandler(sys.stdout))
logging.getLogger().addHandler(handler)
logging.getLogger().warning("kept until the end")
