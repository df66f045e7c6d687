print(exit, quit, copyright.__class__.__name__, license.__class__.__name__, help)
print(__debug__, _ if "_" in globals() else "no _")
help(len)
