import subprocess
import sys

code = "import sys, os; print(sys.argv, sys.path[:2], len(sys.modules), sorted(os.listdir('/proc/self/fd'))[:4]); sys.exit(6)"
done = subprocess.run([sys.executable, "-c", code, "a"], capture_output=True, text=True)
print(done.stdout, done.stderr, done.returncode)
print(subprocess.check_output("echo $PPID | wc -l; env | grep -c PYTHON", shell=True, text=True) if False else "")
print(subprocess.run(["sh", "-c", "cat; exit 2"], input="fed", capture_output=True, text=True))
