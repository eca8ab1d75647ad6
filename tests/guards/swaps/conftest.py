"""A talk of which anything can be swapped."""

import pytest

from tests.guards.swaps.talk import Talk
from tests.guards.world import World


@pytest.fixture
def talk(world: World) -> Talk:
    return Talk(world)
