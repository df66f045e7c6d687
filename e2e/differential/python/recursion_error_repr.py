items = []
items.append(items)
print(items)
value = []
for _ in range(100000):
    value = [value]
try:
    repr(value)
except RecursionError as error:
    print(error)
