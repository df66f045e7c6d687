import math
import time

# Every line appears on the right as soon as it is printed.
for step in range(24):
    height = math.sin(step / 4)
    column = round(15 + 14 * height)
    print(f"{height:+.2f} {' ' * column}●", flush=True)
    time.sleep(0.08)

print("\nChange something, and run it again.")
