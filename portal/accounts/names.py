"""User names: what they may be, and one that gives nothing away for who has none."""

import re
import secrets
import unicodedata

from portal.accounts import passphrases

_ALLOWED = re.compile(r"[\w.\-]{3,40}")


def normalised(user_name: str) -> str:
    """The form under which a user name is looked up: case and outer spaces do not matter."""
    return unicodedata.normalize("NFKC", user_name).strip().casefold()


def is_allowed(user_name: str) -> bool:
    return bool(_ALLOWED.fullmatch(user_name.strip()))


def suggestion(language: str) -> str:
    """Two plain words and two digits: easy to keep in mind, and about nobody."""
    words = passphrases.generate(2, language).split()[:2]
    return f"{'.'.join(words)}.{secrets.randbelow(90) + 10}"


def cleaned_passphrase(typed: str) -> str:
    """One spelling for what different keyboards send; the space that phones append is dropped."""
    return unicodedata.normalize("NFC", typed).strip()
