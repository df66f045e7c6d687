try:
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise ValueError("no number") from error
except ValueError:
    raise RuntimeError(
        "at last"
    )
