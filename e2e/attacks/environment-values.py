# tries: to set variables of the loader through the value of another variable, and by names in lower case
# threat: a/arguments
# stopped-by: a list of refused names, and values that are passed as they are
# environment: {"A": "x\nLD_PRELOAD=/box/evil.so", "ld_preload": "/box/evil.so", "B": "\u0001\u007f=;export PATH=/box"}
# status: ok
# stdout-has: BLOCKED
import os
import subprocess

with open("/proc/self/environ", "rb") as file:
    names = [entry.split(b"=")[0] for entry in file.read().split(b"\0")]
shell = subprocess.run(["sh", "-c", "echo $LD_PRELOAD:$PATH"], capture_output=True, text=True).stdout
wrong = [name for name in names if name.startswith((b"LD_", b"GLIBC"))] or "LD_PRELOAD" in os.environ
print("ESCAPED:" if wrong or "/box" in shell else "BLOCKED: no variable of the loader", names, shell)
