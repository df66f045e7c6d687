mine = "usercustomize"
