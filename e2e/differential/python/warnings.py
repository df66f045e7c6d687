import warnings

warnings.warn("once")
warnings.warn("once")
warnings.warn("old", DeprecationWarning)
print(1 is 1, "\d")


def called():
    warnings.warn("for the caller", stacklevel=2)


called()
print([filter[0:3:2] for filter in warnings.filters])
