# tries: to return files whose names break a response, a terminal or a path
# threat: a/output-files
# stopped-by: names are UTF-8 in JSON, or left out; the path of a file never leaves its directory
# outputs: [!m]* ... -* d*/*
# returns: [" ", "$(id)", "-rf", "...", "a\\b", "new\nline", "tab\t\u001b[31m"]
# stdout-has: BLOCKED
import os

for name in (b" ", b"$(id)", b"...", b"-rf", b"a\\b", b"new\nline", b"tab\t\x1b[31m", b"\xff\xfe", b"d\xff"):
    with open(name, "wb") as file:
        file.write(b"x")
os.mkdir(b"d\xfe")
open(b"d\xfe/x", "w").close()
for name in ("..", ".", "a/../../../x", "x" * 256):
    try:
        with open(name, "w"):
            print("ESCAPED: created", name)
    except OSError as error:
        print("BLOCKED:", error.strerror)
