"""`./portal.sh bench`: every budget of the portal, measured on this machine, now.

Prints one table for each section and ends with 1 if a figure breaks its limit.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from bench.report import Section

Measure = Callable[[Path], Section]
SECTIONS = {
    "bytes": "bench.pages",
    "leak": "bench.leak",
    "cost": "bench.cost",
    "writers": "bench.writers",
    "scale": "bench.scale",
    "demo": "bench.demo",
    "flood": "bench.flood",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the chosen sections, or all; the number to exit with."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure bytes and speed.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--full", action="store_true", help="scale: up to ten million messages")
    options = parser.parse_args(arguments)
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    chosen = options.sections or list(SECTIONS)
    over = [_run(name, full=options.full) for name in chosen]
    return 1 if any(over) else 0


def _run(name: str, *, full: bool) -> bool:
    measure: Measure = import_module(SECTIONS[name]).measure
    if name == "scale" and full:
        measure = import_module(SECTIONS[name]).measure_full
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="porchlight-bench-") as folder:
        section = measure(Path(folder))
    print(section.text())
    print(f"  ({name}: {time.monotonic() - began:.0f} s)\n")
    sys.stdout.flush()
    return section.over
