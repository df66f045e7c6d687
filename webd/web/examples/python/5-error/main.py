def average(numbers):
    return sum(numbers) / len(numbers)


print(average([3, 4, 5]))
print(average([]))  # Division by zero: the traceback links to this line.
