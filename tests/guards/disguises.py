"""What is searched for where nothing that was typed should be."""

import base64


def disguises(word: str) -> dict[str, bytes]:
    """The bytes of a word in every dress in which it may lie about."""
    plain = word.encode()
    dressed = {
        "UTF-8": plain,
        "UTF-8 in capitals": word.upper().encode(),
        "UTF-16": word.encode("utf-16-le"),
        "UTF-16, the other way round": word.encode("utf-16-be"),
        "UTF-32": word.encode("utf-32-le"),
        "hexadecimal": plain.hex().encode(),
        "hexadecimal in capitals": plain.hex().upper().encode(),
        "escaped": "".join(f"\\x{byte:02x}" for byte in plain).encode(),
        "in an address": "".join(f"%{byte:02X}" for byte in plain).encode(),
        "backwards": plain[::-1],
    }
    for shift in range(3):
        # Letters at both ends depend on their neighbours: only what lies between is sure.
        coded = base64.b64encode(b"\0" * shift + plain)
        sure = coded[(8 * shift + 5) // 6 : (len(plain) + shift) * 8 // 6]
        dressed[f"base64 at {shift}"] = sure
        dressed[f"base64 for addresses at {shift}"] = sure.translate(bytes.maketrans(b"+/", b"-_"))
    return dressed
