import random

secret = random.randint(1, 100)
print("I think of a number from 1 to 100.")

for attempt in range(1, 8):
    guess = input(f"Guess {attempt} of 7: ")
    if not guess.strip().isdigit():
        print("That is not a number.")
    elif int(guess) < secret:
        print("More.")
    elif int(guess) > secret:
        print("Less.")
    else:
        print(f"Yes! You needed {attempt}.")
        break
else:
    print(f"It was {secret}.")
