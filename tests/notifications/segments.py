"""How much room a text takes in the alphabet of the mobile network.

Written out from the tables of 3GPP TS 23.038 (6.2.1 and 6.2.1.1), by position: the portal has a
list of its own, and one of the two would notice if the other were wrong.
"""

SEGMENT = 160

# Sixteen to a line, as in the standard, from 0x00 to 0x7F. 0x1B leads over to the second table.
_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
# By the septet that follows 0x1B.
_SECOND_TABLE = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]",
    0x40: "|", 0x65: "€",
}  # fmt: skip
assert len(_TABLE) == 0x80


def encoded(text: str) -> bytes:
    """The text in septets, one to a byte; raises ValueError for a letter that there is not."""
    second = {letter: septet for septet, letter in _SECOND_TABLE.items()}
    septets = bytearray()
    for letter in text:
        if letter in second:
            septets += bytes((0x1B, second[letter]))
        elif letter != "\x1b":
            septets.append(_TABLE.index(letter))
        else:
            raise ValueError("not a letter")
    return bytes(septets)


def septets(text: str) -> int:
    """A message has room for 160; raises ValueError for a letter that the network does not have."""
    return len(encoded(text))


def alphabet() -> set[str]:
    """Every letter that there is."""
    return set(_TABLE) - {"\x1b"} | set(_SECOND_TABLE.values())
