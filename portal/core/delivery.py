"""What mail and SMS have in common."""


class NotSent(Exception):
    """A pointer did not go out. `code` names why and quotes nothing; `for_good` says: do not retry.

    `after_seconds` is what the other side asked us to wait.
    """

    def __init__(self, code: str, *, for_good: bool, after_seconds: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.for_good = for_good
        self.after_seconds = after_seconds
