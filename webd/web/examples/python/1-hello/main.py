import time

for n in range(1, 9):
    print(f"{n:2} {n * n:4}  " + "#" * (n * n // 2), flush=True)
    time.sleep(0.2)
