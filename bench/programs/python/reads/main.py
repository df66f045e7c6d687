import sys

total = largest = count = 0
for line in sys.stdin:
    for number in map(int, line.split()):
        total += number
        largest = max(largest, number)
        count += 1
print(count, total, largest)
