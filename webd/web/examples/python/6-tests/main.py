# The “Tests” tab runs this program with three inputs and compares the outputs.
# The last test fails: leap years of full centuries are not handled yet.
year = int(input())

if year % 4 == 0:
    print("leap year")
else:
    print("ordinary year")
