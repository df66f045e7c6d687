for style, name in [(1, "bold"), (3, "italic"), (4, "underlined"), (7, "reversed")]:
    print(f"\033[{style}m{name}\033[0m", end="  ")
print("\n")

for row in range(6):
    for column in range(36):
        print(f"\033[48;5;{16 + row * 36 + column}m  ", end="")
    print("\033[0m")
