class Odd(BaseException):
    def __str__(self):
        raise ValueError


raise Odd
