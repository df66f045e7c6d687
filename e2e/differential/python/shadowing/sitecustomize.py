mine = "sitecustomize"
