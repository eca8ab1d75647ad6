"""The one door through which everything goes that a client writes freely and sends.

Whoever wants to know what clients write, as for signs of danger, stands here and nowhere else.
"""

from portal.core.errors import Invalid

LONGEST = 8000


def cleaned(text: str) -> str:
    """Text as it is counted and stored: one kind of line break, no NULs, no empty edges."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()


def check_length(text: str, longest: int = LONGEST) -> None:
    """Raises Invalid if there is too much. Nothing typed is discarded."""
    if len(text) > longest:
        raise Invalid(text="text_too_long", over=len(text) - longest)
