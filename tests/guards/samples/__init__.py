"""Every page that a person can see, filled as richly as its view may fill it.

Each feature's samples have a file of their own; here they come together.
"""

from tests.guards.samples import accounts, caseload, core, home, modules, notifications, threads
from tests.guards.samples.common import PROSE, gathered
from tests.guards.samples.rendering import render, sample_app
from tests.guards.samples.threads import composer, open_thread

__all__ = ["FRAGMENTS", "PAGES", "PROSE", "composer", "open_thread", "render", "sample_app"]

PAGES = gathered(
    accounts.PAGES,
    home.PAGES,
    notifications.PAGES,
    caseload.PAGES,
    threads.PAGES,
    modules.PAGES,
    core.PAGES,
)
FRAGMENTS = gathered(threads.FRAGMENTS, modules.FRAGMENTS)
