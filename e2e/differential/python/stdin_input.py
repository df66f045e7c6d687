try:
    while True:
        print(repr(input("prompt ")))
except EOFError as error:
    print("end", repr(error))
