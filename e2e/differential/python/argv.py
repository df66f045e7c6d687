import sys

print(sys.argv)
print(sys.orig_argv, sys.executable)
print(len(sys.argv[2]), sys.argv[3].encode())
