def deep():
    return __name__, __package__
