import random
import usercustomize
import sitecustomize

print(random.mine, usercustomize.mine, sitecustomize.mine)
