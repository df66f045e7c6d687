import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

x = [step / 50 for step in range(500)]
plt.figure(figsize=(7, 4))
plt.plot(x, [math.sin(value) for value in x], label="sin x")
plt.plot(x, [math.sin(value) * math.exp(-value / 4) for value in x], label="damped")
plt.legend()
plt.grid(alpha=0.3)
plt.title("Two waves")
plt.savefig("waves.png", dpi=110)
print("saved waves.png")
