import faulthandler
import sys


def here():
    faulthandler.dump_traceback(sys.stderr)


here()
