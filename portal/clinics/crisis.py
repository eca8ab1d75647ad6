"""Crisis lines: the numbers on every page, local ones first."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class CrisisLine:
    """A number to call or text. `label` is what people read, e.g. "Night line 555 0100"."""

    label: str
    number: str
    by_text: bool = False

    @property
    def href(self) -> str:
        digits = "".join(c for c in self.number if c.isdigit() or c == "+")
        return f"{'sms' if self.by_text else 'tel'}:{digits}"


# The national lines of the United States; a clinic elsewhere replaces them with its own.
NATIONAL = (CrisisLine("988", "988"), CrisisLine("911", "911"))


def parse_line(text: str) -> CrisisLine:
    """ "LABEL=NUMBER", as it is given to a command. Raises ValueError."""
    label, sign, number = (part.strip() for part in text.rpartition("="))
    if not sign or not label or not any(c.isdigit() for c in number):
        raise ValueError(text)
    return CrisisLine(label, number)


def dump(lines: tuple[CrisisLine, ...]) -> str:
    return json.dumps([[line.label, line.number, line.by_text] for line in lines])


def load(text: str) -> tuple[CrisisLine, ...]:
    return tuple(CrisisLine(*entry) for entry in json.loads(text))
