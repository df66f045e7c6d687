import os
import sys

print(os.read(0, 3))
print(sys.stdin.buffer.read(4), sys.stdin.buffer.readline())
print(open(0, closefd=False).read())
