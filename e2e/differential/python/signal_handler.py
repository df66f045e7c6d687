import signal


def handler(number, frame):
    print("caught", signal.Signals(number).name, frame.f_code.co_name, frame.f_lineno)


for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGHUP):
    signal.signal(number, handler)


def raise_all():
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGHUP)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()


raise_all()
