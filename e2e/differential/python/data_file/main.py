import os

print(sorted(os.listdir(".")), open("data/numbers.txt").read().split())
os.mkdir("made")
open("made/file", "w").write("x")
print(os.stat("main.py").st_size, os.access("main.py", os.W_OK))
