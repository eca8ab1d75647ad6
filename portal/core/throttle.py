"""Counting tries. The counts live in the queue's server, shared by all processes; while it is away
each process counts for itself, so that guessing stays slow and nobody is shut out."""

import logging
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from portal.core.errors import Throttled

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rule:
    """So many tries in such a time, e.g. Rule("sign-in", "10/hour")."""

    name: str
    allowance: str

    @property
    def item(self) -> RateLimitItem:
        return parse(self.allowance)


class Throttle:
    """Counts by keyed hashes; never by names or addresses themselves."""

    def __init__(self, queue_url: str | None) -> None:
        self._local = FixedWindowRateLimiter(MemoryStorage())
        self._shared = self._local
        if queue_url:
            url = queue_url.replace("unix://", "redis+unix://", 1)
            self._shared = FixedWindowRateLimiter(
                storage_from_string(url, wrap_exceptions=True, socket_connect_timeout=1)
            )

    def spend(self, rule: Rule, *key: bytes) -> None:
        """Counts one try; raises Throttled when there were too many."""
        if not self.hit(rule, *key):
            raise Throttled(seconds=rule.item.get_expiry())

    def hit(self, rule: Rule, *key: bytes) -> bool:
        """Counts one try; whether it was within the allowance."""
        return self._count(rule, key, 1)

    def take_back(self, rule: Rule, *key: bytes) -> None:
        """Counts one try less, after one that was right. The others stay counted."""
        self._count(rule, key, -1)

    def forgive(self, rule: Rule, *key: bytes) -> None:
        """Begins the count anew, after a try that was right."""
        parts = _parts(rule, key)
        try:
            self._shared.clear(rule.item, *parts)
        except StorageError:
            self._local.clear(rule.item, *parts)

    def _count(self, rule: Rule, key: tuple[bytes, ...], cost: int) -> bool:
        parts = _parts(rule, key)
        try:
            return self._shared.hit(rule.item, *parts, cost=cost)
        except StorageError:
            log.warning("counting tries in this process only: the queue's server is away")
            return self._local.hit(rule.item, *parts, cost=cost)


def _parts(rule: Rule, key: tuple[bytes, ...]) -> list[str]:
    return [rule.name, *(part.hex() for part in key)]
