import contextvars
import threading

print(list(contextvars.copy_context()), threading.get_ident() == threading.main_thread().ident)
print(hash(1), hash("") == 0, hash(None) == hash(None))
