"""What stands between a guesser and an account, and a flood of sign-ins and everybody else.

Three things must hold together. Guessing is slow: of each account no more than `ACCOUNT` tries an
hour are looked at from networks that are strange to it, and `PAIR` from each network. Nobody is
shut out by others: from a network where somebody has signed in before, their own passphrase opens
however many names strangers have tried from there, or theirs from elsewhere. And nobody learns who
has an account, since to have one here is to be in counselling.

The second would give the third away, if a known name were looked at where others are turned away.
So once a network or an account is over its allowance every try costs one hash, one after the other
in a narrow lane, and every answer is "too many tries", but for the right passphrase of somebody who
is known there. Nothing that is counted depends on whether a name exists or is known.

What is left: whoever makes more than `PAIR` wrong tries at one name from the owner's own network
shuts that passphrase out there for the rest of the hour, since nothing tells the two apart before
they sign in. A right code always opens: it cannot be guessed, so only wrong ones are counted.
"""

import ipaddress
from dataclasses import dataclass
from functools import cached_property

from portal.core.keyring import Keyring
from portal.core.slots import Slots
from portal.core.throttle import Rule, Throttle

PAIR = Rule("sign-in-pair", "30/hour")
ACCOUNT = Rule("sign-in-account", "20/hour")
ADDRESS = Rule("sign-in-address", "60/hour")
AGAIN = Rule("passphrase-again", "10/hour")
CODE = Rule("code-address", "30/hour")

# Of refusals that cost nothing the trail takes so many, from one place and from everywhere.
NOTED_OF_ONE = Rule("noted-of-one", "30/hour")
NOTED_OF_ALL = Rule("noted-of-all", "1000/hour")

LATE_WAITING = 2


@dataclass(frozen=True)
class Guard:
    """`throttle` counts tries, `slots` are the places where Argon2id may run."""

    keyring: Keyring
    throttle: Throttle
    slots: Slots

    def network(self, address: str) -> bytes:
        """A keyed hash of the network an address is in; phones change the rest of it all day."""
        return self.keyring.lookup("network", _network(address))

    @cached_property
    def late(self) -> Slots:
        """Where those go through one by one who come when an allowance is used up."""
        return self.slots.lane("late", waiting=LATE_WAITING)

    def count_sign_in(self, account: bytes, network: bytes) -> bool:
        """Counts a try before it is evaluated; raises Throttled.

        True if an allowance is used up that others share: then only a right passphrase from a
        known network may open, and every other answer must be the same, after the same time.
        """
        self.throttle.spend(PAIR, account, network)
        # Both are counted, whatever comes of the first.
        within = [self.throttle.hit(ADDRESS, network), self.throttle.hit(ACCOUNT, account)]
        return not all(within)

    def forgive_sign_in(self, account: bytes, network: bytes) -> None:
        """A right try was none. The wrong ones stay counted: or whoever has an account could guess
        at others for ever, signing in between, and could tell from what they may try at a name
        that its owner has come."""
        self.throttle.take_back(PAIR, account, network)
        self.throttle.take_back(ADDRESS, network)
        self.throttle.take_back(ACCOUNT, account)

    def count_again(self, account: bytes, session: bytes) -> None:
        """Counts a passphrase that a signed-in person is asked for once more; raises Throttled."""
        self.throttle.spend(AGAIN, account, session)

    def forgive_again(self, account: bytes, session: bytes) -> None:
        self.throttle.forgive(AGAIN, account, session)

    def count_wrong_code(self, network: bytes) -> None:
        """Counts a code that opened nothing; raises Throttled."""
        self.throttle.spend(CODE, network)

    def is_worth_noting(self, *source: bytes) -> bool:
        """Whether the trail still takes a refusal that cost nobody anything: it must show that
        there was a flood, and not be filled by it."""
        return self.throttle.hit(NOTED_OF_ONE, *source) and self.throttle.hit(NOTED_OF_ALL)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    prefix = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, prefix), strict=False))
