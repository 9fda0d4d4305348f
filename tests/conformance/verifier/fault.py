"""The first thing in a bundle that does not hold (proof-bundle.md 9)."""


class Fault(Exception):
    """A fault's code, one of the closed list, and its place."""

    def __init__(self, code, at=None, why=""):
        super().__init__(why or code)
        self.code = code
        self.at = at
        self.why = why


class Invalid(Exception):
    """Bytes that are not canonical, or a value that is not valid; whoever reads them knows which fault that is."""
