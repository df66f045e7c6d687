import atexit


def fail():
    raise RuntimeError("while leaving")


atexit.register(fail)
atexit.register(print, "runs")
raise SystemExit(3)
