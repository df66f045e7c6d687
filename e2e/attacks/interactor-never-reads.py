# tries: as an interactor, to read nothing, so that the output of the solution fills the memory of the daemon
# threat: a/judges
# stopped-by: a bounded buffer between the two, and the output limit: the solution blocks or is ended
# role: interactor
# verdict: wrong_answer, output_limit_exceeded
# within-ms: 30000
import sys
import time

time.sleep(2)
sys.exit(1)
# === solution.sh
while true; do echo 0123456789abcdef0123456789abcdef; done
