"""What a process of the portal asks of the kernel."""

import ctypes
import gc
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
# Looked up once: between a fork and an exec nothing may be loaded.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Lets the kernel end this process when its parent dies, however the parent dies."""
    if _LIBC is None:
        return
    parent = os.getppid()
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def name_process(name: str) -> None:
    """What lists of processes show, so that an administrator knows them apart."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_NAME, f"portal-{name}".encode()[:15], 0, 0, 0)


def settle_memory() -> None:
    """After the imports, before the forks: gives back what is free, and keeps the rest shared."""
    gc.collect()
    gc.freeze()
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
