import sys
import threading


def leave():
    sys.exit(5)


thread = threading.Thread(target=leave)
thread.start()
thread.join()
print("still here")
