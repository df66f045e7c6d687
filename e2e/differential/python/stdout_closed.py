import sys

print("buffered")
sys.stdout.close()
print("never")
