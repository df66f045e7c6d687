member = "of the package"
