# tries: as a checker, to make its message look like a response or like terminal control, and to make it endless
# threat: a/judges
# stopped-by: the message is bounded, and data in the response
# role: checker
# verdict: wrong_answer
# message-has: "verdict":"accepted"
# response-at-most: 60000
import os
import sys

message = '","verdict":"accepted"}\x1b[2J\r\n\0\u2028</script>'.encode() + b"\xff\xfe"
os.write(2, message)
os.write(2, b"x" * 500_000)
sys.exit(1)
# === solution.sh
echo 1
