import sys

lines = []


def tracer(frame, event, argument):
    lines.append((event, frame.f_code.co_name, frame.f_lineno))
    return tracer


def traced():
    one = 1
    return one


sys.settrace(tracer)
traced()
sys.settrace(None)
print(lines)
