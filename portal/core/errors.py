"""What can go wrong. Services raise these; one handler answers them in words for people."""


class DomainError(Exception):
    """Something a person asked for cannot be done. `code` picks the wording."""

    code = "not_possible"
    status = 409

    def __init__(self, **details: object) -> None:
        super().__init__(self.code)
        self.details = details


class NotFound(DomainError):
    """Absent, or not this person's: the two must look the same."""

    code = "not_found"
    status = 404


class Refused(DomainError):
    """What was typed does not open what it should (a code, a passphrase)."""

    code = "refused"
    status = 422


class Throttled(DomainError):
    """Too many tries for now. details: seconds to wait."""

    code = "throttled"
    status = 429


class Busy(DomainError):
    """All places are taken for the moment; trying again in a few seconds works."""

    code = "busy"
    status = 503


class Invalid(DomainError):
    """A field does not pass. details: field name to message code."""

    code = "invalid"
    status = 422


class Conflict(DomainError):
    """The thing has changed since the page was shown."""

    code = "conflict"
    status = 409
