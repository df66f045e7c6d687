for number in range(40_000):
    print("line", number)
