# tries: as an interactor, to fill the memory of the daemon with input that the solution does not read
# threat: a/judges
# stopped-by: a bounded buffer between the two, its output limit, and a bounded transcript
# role: interactor
# transcript: true
# verdict: judge_error
# response-at-most: 100000
# within-ms: 30000
import os

while True:
    os.write(1, b"x" * 65536)
# === solution.sh
sleep 2
