import signal
import time


def handler(number, frame):
    print("caught", signal.Signals(number).name, frame.f_code.co_name, frame.f_lineno)


for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGHUP):
    signal.signal(number, handler)


def raise_all():
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGHUP)
    # Not pause(): the signal may arrive before it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while signal.SIGALRM not in signal.sigpending():
        time.sleep(0.001)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])


raise_all()
