# tries: to find data of an earlier program, or of its user, in memory that the zygote had
# threat: d/neighbours
# stopped-by: a zygote gets no byte of a program, and reads no plan
# runs: 4
# status: ok
# stdout-has: BLOCKED
import os
import re

# Not in this form in the file itself.
marker = "".join(["earlier", "-", "program", "-"])
kept = [f"{marker}{int.from_bytes(os.urandom(8)):020}" for _ in range(1000)]
own = os.environ.get("USER", "").encode()
users, markers, shared = set(), set(), []
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        addresses, rights, _, _, inode, *path = line.split(maxsplit=5)
        if "w" in rights and rights.endswith("s"):
            shared.append(line)
        if not rights.startswith("rw"):
            continue
        start, end = (int(address, 16) for address in addresses.split("-"))
        try:
            memory.seek(start)
            content = memory.read(end - start)
        except OSError:
            continue
        users |= set(re.findall(rb"exec_[0-9a-f]{8}-[0-9a-f-]{27}", content))
        markers |= set(re.findall(marker.encode() + rb"\d{20}", content))
        del content
users -= {own}
print("ESCAPED: other users" if users else "BLOCKED: no other user", users)
print("ESCAPED: shared and writable" if shared else "BLOCKED: nothing shared", shared)
# The program's own copies of the markers are those that it created.
print("ESCAPED: markers" if markers - {text.encode() for text in kept} else "BLOCKED: no marker of others")
