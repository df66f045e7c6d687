# Look at the tab “Tests” beside “Output”: three inputs, and what is expected of each.
# The last one fails: leap years of full centuries are not handled yet.
year = int(input())

if year % 4 == 0:
    print("leap year")
else:
    print("ordinary year")
