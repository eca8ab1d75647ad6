"""What providers report, and texts that come in, are looked up, too."""

from collections.abc import Iterator

import pytest

from bench.plans import recorded
from portal.notifications.models import Pointer
from tests.notifications.caller import Provider, told
from tests.notifications.desk import Desk
from tests.plans import Visit, crowd, looked_up

pytestmark = pytest.mark.slow


def visits(provider: Provider, pointers: list[Pointer]) -> Iterator[Visit]:
    for status, pointer in zip(("delivered", "failed"), pointers, strict=True):
        with recorded(provider.database.engine) as asked:
            assert provider.report(pointer, status).status_code == 204
        yield status, asked
    for words in ("STOP", "START", "HELP", "Hello"):
        with recorded(provider.database.engine) as asked:
            provider.text(words)
        yield words, asked


def test_every_statement_of_a_providers_call_uses_an_index(desk: Desk, provider: Provider) -> None:
    pointers = [told(desk), told(desk)]
    crowd(desk.cast)
    seen = looked_up(desk.cast, visits(provider, pointers))
    assert len(seen) > 10
