class Object:
    def __del__(self):
        raise ValueError("while going")


Object()
print("goes on")
