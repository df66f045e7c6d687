import sys

for number in range(20000):
    print(number, "x" * 20)
sys.stdout.flush()
sys.stdout.buffer.write(b"bytes\n" * 1000)
