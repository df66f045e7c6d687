# tries: to keep the search for output files busy: as many files as allowed, deep trees, wide trees, long names
# threat: a/output-files
# stopped-by: bounds of the search: CPU time, depth, directories, files; the numbers of what was left out
# outputs: **/*x* **/**/a/**/b
# limits: files=65536 wall_ms=30000 cpu_ms=30000 disk_bytes=200000000 memory_bytes=800000000
# within-ms: 45000
# stdout-has: BLOCKED
import os

count = 0
try:
    for number in range(200):
        os.makedirs("wide/%d/a" % number)
    here = os.open(".", os.O_RDONLY)
    for depth in range(2000):
        os.mkdir("a", dir_fd=here)
        deeper = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    while True:
        open("x" * 240 + str(count), "w").close()
        count += 1
        os.mkdir("wide/%d/d%d" % (count % 200, count))
except OSError as error:
    print("BLOCKED:", error.strerror, "after", count)
