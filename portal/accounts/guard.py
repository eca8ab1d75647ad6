"""What stands between a guesser and an account, and a flood of sign-ins and everybody else."""

import ipaddress
from dataclasses import dataclass

from portal.core.keyring import Keyring
from portal.core.slots import Slots
from portal.core.throttle import Rule, Throttle

PAIR = Rule("sign-in-pair", "10/hour")
ACCOUNT = Rule("sign-in-account", "20/hour")
ADDRESS = Rule("sign-in-address", "60/hour")
CODE = Rule("code-address", "30/hour")


@dataclass(frozen=True)
class Guard:
    """`throttle` counts tries, `slots` are the places where Argon2id may run."""

    keyring: Keyring
    throttle: Throttle
    slots: Slots

    def network(self, address: str) -> bytes:
        """A keyed hash of the network an address is in; phones change the rest of it all day."""
        return self.keyring.lookup("network", _network(address))

    def count_sign_in(self, account: bytes, network: bytes, *, is_known: bool) -> None:
        """Counts a try before it is evaluated; raises Throttled.

        Tries from networks where the owner has signed in before do not share the account's
        allowance: however hard strangers guess, they cannot lock the owner out.
        """
        self.throttle.spend(PAIR, account, network)
        self.throttle.spend(ADDRESS, network)
        if not is_known:
            self.throttle.spend(ACCOUNT, account)

    def forgive_sign_in(self, account: bytes, network: bytes) -> None:
        self.throttle.forgive(PAIR, account, network)
        self.throttle.forgive(ADDRESS, network)

    def count_code(self, network: bytes) -> None:
        """Counts a typed code, which has too many bits to be guessed anyhow; raises Throttled."""
        self.throttle.spend(CODE, network)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    prefix = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, prefix), strict=False))
