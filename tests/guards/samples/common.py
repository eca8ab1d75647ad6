"""Who and what the samples of several features speak of."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# The sample's name: its template and its context.
Samples = dict[str, tuple[str, dict[str, Any]]]

ROOT = Path(__file__).parents[3]
START = dt.datetime(2026, 3, 2, 8, 15, tzinfo=dt.UTC)
LONG_NAME = "Maximiliana Fernández-Castellanos de la Torre y Quiñones"
PROSE = (ROOT / "tests/guards/prose.txt").read_text("utf-8").splitlines()
CLIENT = SimpleNamespace(name="Rosa Delgado", role="client", is_staff=False)
CLINICIAN = SimpleNamespace(name=LONG_NAME, role="clinician", is_staff=True)
ADMINISTRATOR = SimpleNamespace(name="Ines Whitford", role="administrator", is_staff=True)
CRISIS = SimpleNamespace(
    lines=[
        SimpleNamespace(label="Prairie night line 555 0100", href="tel:5550100", by_text=False),
        SimpleNamespace(label="988", href="tel:988", by_text=False),
        SimpleNamespace(label="988", href="sms:988", by_text=True),
        SimpleNamespace(label="911", href="tel:911", by_text=False),
    ]
)
THREAD_URL = "/threads/AZq3vXb1cO2Zr8kQ0m9TqA"
WORK_URL = "/work/AZq3vXb1cO2Zr8kQ0m9TqA"
NONCE = "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0"
WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def gathered(*tables: Samples) -> Samples:
    """All samples of these tables in one. Raises ValueError for a name that is given twice."""
    every: Samples = {}
    for table in tables:
        if twice := every.keys() & table.keys():
            raise ValueError(f"two samples of one name: {', '.join(sorted(twice))}")
        every |= table
    return every
