# tries: to pass arguments that the interpreter might treat as its own
# threat: a/arguments
# stopped-by: they come after the file
# status: ok
# args: ["-c", "print('ESC' + 'APED')", "-m", "http.server", "--version", "-i", "", "\u00e9", "a b", "$(id)", "--"]
# args-echo: ARGS=
import json
import sys

print("ARGS=" + json.dumps(sys.argv[1:]))
