import subprocess
import sys

for code in ["0", "3", "256", "-1", "None", "True", "'words'", "1.5", "(1, 2)", "2**40"]:
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.exit({code})"], capture_output=True, text=True)
    print(code, done.returncode, done.stderr)
sys.exit(77)
