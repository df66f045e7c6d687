import atexit
import sys
import threading


class Object:
    def __del__(self):
        print("object gone", sys is not None)


atexit.register(print, "first registered, last called")
atexit.register(print, "last registered, first called")
kept = Object()
cycle = Object()
cycle.self = cycle
threading._register_atexit(print, "threads ended")
print("end of main", atexit._ncallbacks())
