"""Modules and worksheets, from both sides."""

from tests.guards.samples.common import gathered
from tests.guards.samples.modules import authors, paper, team, work

PAGES = gathered(work.PAGES, team.PAGES, paper.PAGES, authors.PAGES)
FRAGMENTS = gathered(work.FRAGMENTS, authors.FRAGMENTS)
