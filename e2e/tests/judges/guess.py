import sys

number, allowed = map(int, open(sys.argv[1]).read().split())
print("guess", flush=True)
for guesses in range(1, allowed + 1):
    line = sys.stdin.readline()
    if not line.strip().isdigit():
        print("no guess", file=sys.stderr)
        sys.exit(2)
    guess = int(line)
    print("<" if guess < number else ">" if guess > number else "=", flush=True)
    if guess == number:
        print(guesses, "guesses", file=sys.stderr)
        sys.exit(0)
print("more than", allowed, "guesses", file=sys.stderr)
sys.exit(1)
