import threading
import time


def late():
    time.sleep(0.1)
    print("after the main thread")


threading.Thread(target=late).start()
print("the main thread ends")
