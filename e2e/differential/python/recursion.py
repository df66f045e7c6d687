import sys


def depth(number=0):
    try:
        return depth(number + 1)
    except RecursionError:
        return number


print(depth())
sys.setrecursionlimit(20000)
print(depth())
