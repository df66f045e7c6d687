import sys

print("leaving")
exit(12)
