"""Time-ordered identifiers and the short form in which URLs show them."""

import base64
import uuid

from uuid_utils.compat import uuid7
from werkzeug.routing import BaseConverter, ValidationError

SHORT_LENGTH = 22


def new_id() -> uuid.UUID:
    """A UUID of version 7: later ones sort after earlier ones."""
    return uuid7()


def short(identifier: uuid.UUID) -> str:
    """The 22 URL-safe characters that stand for an identifier."""
    return base64.urlsafe_b64encode(identifier.bytes)[:SHORT_LENGTH].decode("ascii")


def parse(text: str) -> uuid.UUID:
    """The identifier that `short` wrote; raises ValueError for anything else."""
    if len(text) != SHORT_LENGTH:
        raise ValueError("not an identifier")
    identifier = uuid.UUID(bytes=base64.b64decode(text + "==", altchars=b"-_", validate=True))
    if short(identifier) != text:
        raise ValueError("not the canonical form of an identifier")
    return identifier


class IdConverter(BaseConverter):
    """`<id:thread_id>` in a URL rule."""

    regex = f"[A-Za-z0-9_-]{{{SHORT_LENGTH}}}"

    def to_python(self, value: str) -> uuid.UUID:
        try:
            return parse(value)
        except ValueError as error:
            raise ValidationError from error

    def to_url(self, value: uuid.UUID) -> str:
        return short(value)
