"""Published modules, read once: a version never changes, so what was read stays good."""

import uuid
from collections.abc import Callable
from functools import lru_cache

from portal.modules.format.reader import read_module
from portal.modules.format.shapes import ModuleFile

MOST_KEPT = 64
_kept: dict[uuid.UUID, ModuleFile] = {}


def module_of(published_id: uuid.UUID, fetch: Callable[[uuid.UUID], bytes]) -> ModuleFile:
    """The module that was published under this id; `fetch` brings its file if it must be read."""
    module = _kept.get(published_id)
    if module is None:
        module = read_source(fetch(published_id))
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[published_id] = module
    return module


@lru_cache(maxsize=MOST_KEPT)
def read_source(source: bytes) -> ModuleFile:
    """The module in a file. Raises ValueError if it is not a sound one."""
    module = read_module(source).module
    if module is None:
        raise ValueError("this file is no module")
    return module
