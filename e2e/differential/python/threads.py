import threading

lock = threading.Lock()
total = 0


def work(number):
    global total
    with lock:
        total += number


threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
print([thread.name for thread in threads], threading.main_thread(). name, threading.active_count(), threading.stack_size())
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(total, threading.current_thread().name, threading.current_thread() is threading.main_thread())


def fail():
    raise ValueError("in a thread")


thread = threading.Thread(target=fail, name="failing")
thread.start()
thread.join()
