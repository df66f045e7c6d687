import os
import subprocess

hidden = {"USER", "LOGNAME", "HOME"}
print(sorted((name, value) for name, value in os.environ.items() if name not in hidden))
print(len(os.environ), os.getcwd(), os.path.expanduser("~") == os.environ["HOME"])
child = subprocess.run(["/usr/bin/env"], capture_output=True, text=True)
print(sorted(line for line in child.stdout.splitlines() if line.split("=")[0] not in hidden))
print(open("/proc/self/environ").read().count("PYTHON"))
