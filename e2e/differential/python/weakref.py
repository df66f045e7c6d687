import weakref


class Object:
    pass


one = Object()
reference = weakref.ref(one, lambda _: print("gone"))
weakref.finalize(one, print, "finalized")
del one
print(reference())
two = Object()
weakref.finalize(two, print, "finalized at exit")
