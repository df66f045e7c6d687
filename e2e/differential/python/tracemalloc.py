import tracemalloc

tracemalloc.start()
list(range(1000))
print(tracemalloc.get_traced_memory()[1] > 0, tracemalloc.get_traceback_limit())
