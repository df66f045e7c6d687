import sys

print("out 1")
print("err 1", file=sys.stderr)
sys.stdout.write("out 2 without an end")
sys.stderr.write("err 2 without an end")
print(sys.stdout.line_buffering, sys.stderr.line_buffering, sys.stdout.write_through, sys.stdin.line_buffering)
print(sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors, sys.stdin.errors, sys.stdout.newlines, sys.stdout.name, sys.stdout.mode)
print(repr(sys.stdout), repr(sys.stderr), repr(sys.stdin))
