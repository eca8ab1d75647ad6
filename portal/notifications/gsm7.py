"""Texts in the alphabet of the mobile network (3GPP TS 23.038), of which 160 fit into one text.

A single letter outside of it makes the network count in 16 bits: then 70 fit. Of the Spanish
letters á, í, ó and ú are outside, é, ñ, ü and ¿¡ inside.
"""

import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})


def transliterate(text: str) -> str:
    """The same words in the network's alphabet: an accent it lacks is left out."""
    return "".join(map(_letter, text.translate(_PLAIN)))


def _letter(letter: str) -> str:
    if letter in BASIC or letter in EXTENSION:
        return letter
    bare = "".join(
        part for part in unicodedata.normalize("NFD", letter) if not unicodedata.combining(part)
    )
    return bare if bare and all(part in BASIC for part in bare) else "?"
