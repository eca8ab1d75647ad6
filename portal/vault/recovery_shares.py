"""The offline recovery key on paper: split among custodians, of whom some are enough (SLIP-39)."""

from collections.abc import Iterable
from typing import Final

from shamir_mnemonic import MnemonicError, decode_mnemonics, generate_mnemonics, recover_ems

from portal.core.errors import Refused

SECRET_BYTES: Final = 32

# The secret is random and no passphrase is laid over it, so stretching it would only cost time.
_NO_STRETCHING: Final = 0


class SharesRefused(Refused):
    """These shares do not open the secret: mistyped, too few, or from different sets."""

    code = "shares_refused"


def split(secret: bytes, custodians: int = 3, needed: int = 2) -> list[str]:
    """Turn a 32-byte secret into one line of 33 words for each custodian.

    Any `needed` of the lines give the secret back; fewer tell nothing about it.
    """
    if len(secret) != SECRET_BYTES or not 1 < needed <= custodians <= 16:
        message = f"{len(secret)} bytes cannot be split {needed} of {custodians}"
        raise ValueError(message)
    shares: list[list[str]] = generate_mnemonics(
        group_threshold=1,
        groups=[(needed, custodians)],
        master_secret=secret,
        iteration_exponent=_NO_STRETCHING,
    )
    return shares[0]


def combine(mnemonics: Iterable[str]) -> bytes:
    """Give back the secret from enough of its lines, in any order.

    Case, line breaks and extra spaces do not matter, nor does one line more than needed.
    Raises SharesRefused when a line is mistyped, or lines are missing or of another set.
    """
    lines = {" ".join(line.lower().split()) for line in mnemonics} - {""}
    try:
        groups = decode_mnemonics(lines)
        enough = {number: group.get_minimal_group() for number, group in groups.items()}
        secret: bytes = recover_ems(enough).decrypt(b"")
    except MnemonicError:
        # The library's messages quote the first words of a share, which belong in no log.
        raise SharesRefused from None
    if len(secret) != SECRET_BYTES:
        raise SharesRefused
    return secret
