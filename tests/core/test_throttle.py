"""Counting tries, with the counts in the queue's server or, while it is away, in the process."""

import pytest

from portal.config import Config
from portal.core.errors import Throttled
from portal.core.throttle import Rule, Throttle
from tests.servers import QueueServer

RULE = Rule("test", "3/hour")


def tries(throttle: Throttle, *key: bytes, rule: Rule = RULE) -> int:
    """How many of ten tries are let through."""
    done = 0
    for _ in range(10):
        try:
            throttle.spend(rule, *key)
            done += 1
        except Throttled:
            pass
    return done


@pytest.mark.parametrize("where", ["process", "server"])
def test_each_key_has_its_own_allowance(
    config: Config, queue_server: QueueServer, where: str
) -> None:
    throttle = Throttle(config.queue_url if where == "server" else None)
    assert tries(throttle, b"a") == 3
    assert tries(throttle, b"a") == 0
    assert tries(throttle, b"b") == 3
    assert tries(throttle, b"a", b"b") == 3
    assert tries(throttle, b"a", rule=Rule("other", "3/hour")) == 3
    throttle.forgive(RULE, b"a")
    assert tries(throttle, b"a") == 3


@pytest.mark.parametrize("where", ["process", "server"])
def test_a_try_that_is_taken_back_is_none_and_the_others_stay(
    config: Config, queue_server: QueueServer, where: str
) -> None:
    throttle = Throttle(config.queue_url if where == "server" else None)
    throttle.spend(RULE, b"a")
    for _ in range(20):
        assert throttle.hit(RULE, b"a")
        throttle.take_back(RULE, b"a")
    assert tries(throttle, b"a") == 2


def test_whoever_is_refused_hears_how_long_to_wait(config: Config) -> None:
    throttle = Throttle(None)
    tries(throttle, b"a")
    with pytest.raises(Throttled) as refused:
        throttle.spend(RULE, b"a")
    assert refused.value.details == {"seconds": 3600}


def test_when_the_server_comes_back_its_counts_hold_again(
    config: Config, queue_server: QueueServer
) -> None:
    throttle = Throttle(config.queue_url)
    assert tries(throttle, b"a") == 3
    queue_server.kill()
    assert tries(throttle, b"a") == 3, "the process counts for itself"
    throttle.forgive(RULE, b"a")
    assert tries(throttle, b"a") == 3
    queue_server.start()
    assert tries(throttle, b"a") == 0


def test_no_name_and_no_address_is_in_the_server(config: Config, queue_server: QueueServer) -> None:
    from portal.accounts.guard import Guard
    from portal.core.keyring import Keyring
    from portal.core.slots import Slots

    slots = Slots(config.data / "slots", "x", places=1, waiting=1)
    guard = Guard(Keyring(config.server_keys), Throttle(config.queue_url), slots)
    account = guard.keyring.lookup("user_name", "dana")
    guard.count_sign_in(account, guard.network("203.0.113.7"))
    stored = str(queue_server.client().keys())
    assert account.hex() in stored
    for canary in ("dana", "203.0.113"):
        assert canary not in stored
