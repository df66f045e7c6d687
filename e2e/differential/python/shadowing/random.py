mine = "random"
