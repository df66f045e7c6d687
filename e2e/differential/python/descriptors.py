import os

for name in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        print(name, os.readlink(f"/proc/self/fd/{name}").split(":")[0])
    except FileNotFoundError:
        print(name, "the directory itself")
print(open(__file__).fileno())
for number in range(3):
    print(number, os.get_blocking(number), os.get_inheritable(number), os.isatty(number))
