"""What the guards share: a world to look through every keyhole of, and a life with marked words."""

from tests.guards.canaries.life import story
from tests.guards.world import a_world, world

__all__ = ["a_world", "story", "world"]
