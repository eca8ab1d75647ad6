"""How much room a text takes in the alphabet of the mobile network (3GPP TS 23.038)."""

from portal.notifications.gsm7 import BASIC, EXTENSION

SEGMENT = 160


def septets(text: str) -> int:
    """A message has room for 160; raises ValueError for a letter that it does not have."""
    if not all(letter in BASIC or letter in EXTENSION for letter in text):
        raise ValueError("a letter that the network's alphabet does not have")
    return sum(2 if letter in EXTENSION else 1 for letter in text)
