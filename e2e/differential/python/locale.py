import locale
import os
import time

print(locale.getlocale(), locale.getpreferredencoding(), time.tzname, os.cpu_count() > 0)
print("\u00fc\u4e2d\U0001f600", ascii("\u00fc"), "{:n}".format(1234567))
print(time.process_time() < 5, os.getpriority(os.PRIO_PROCESS, 0), os.umask(0o22))
