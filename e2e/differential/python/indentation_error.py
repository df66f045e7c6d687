def one():
print(1)
