"""Checks of a client, counted over all clients of one program."""

import sys
from typing import Self


class Checks:
    """Prints each check that fails, and ends the program with their number."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.passed = 0
        self.failed = 0

    def of(self, client: str) -> Self:
        """Names another client for the following checks."""
        self.client = client
        return self

    def equal(self, name: str, actual: object, expected: object) -> None:
        """Checks that a value is the expected one."""
        if actual == expected:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{self.client}: {name}: {actual!r} is not {expected!r}")

    def end(self) -> None:
        """Ends the program: with an error if a check failed, or if there was none."""
        print(f"{self.passed} checks passed, {self.failed} failed")
        sys.exit(bool(self.failed) or not self.passed)
