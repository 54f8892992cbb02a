print("a2")
