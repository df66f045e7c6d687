# tries: as an interactor, to make the transcript huge with as many tiny messages as possible
# threat: a/judges
# stopped-by: the transcript is bounded
# role: interactor
# transcript: true
# verdict: accepted
# response-at-most: 1000000
# within-ms: 30000
import os

for number in range(20_000):
    os.write(1, b"\x01\n")
    if number % 50 == 0:
        os.read(0, 65536)
# === solution.py
import sys

for line in sys.stdin:
    sys.stdout.write("\x02\n")
    sys.stdout.flush()
