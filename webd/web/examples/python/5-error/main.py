def average(numbers):
    return sum(numbers) / len(numbers)


print(average([3, 4, 5]))
print(average([]))  # Nothing to divide by: the traceback on the right leads here.
