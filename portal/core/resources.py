"""Where templates, static files and migrations lie: inside an installed package, or beside it."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def resource(name: str) -> Path:
    """The folder of this name; raises FileNotFoundError if the installation is not whole."""
    for parent in (PACKAGE, PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(name)
