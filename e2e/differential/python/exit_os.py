import os

print("lost, for it is buffered")
os._exit(9)
