import gc

print(gc.get_count(), gc.get_threshold(), gc.isenabled(), gc.get_debug(), gc.get_freeze_count(), gc.callbacks)
print(gc.collect(), len(gc.garbage))


class Node:
    def __del__(self):
        gone.append(self.number)


gone = []
for number in range(3000):
    node = Node()
    node.number = number
    node.self = node
print(len(gone), gone[-1])
