import os

print("helper sees", __name__, os.path.basename(__file__))


def fail():
    raise LookupError("from the helper")
