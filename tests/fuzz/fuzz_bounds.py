"""The bounds that every input must keep to, imposed: five seconds, and 512 MB more than before it came.

Seconds of this process: how busy the machine is decides nothing.
"""

import mmap
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLOWEST = 5.0
HEAVIEST = 512 << 20  # bytes of address space
_SIZES = Path("/proc/self/statm")


@contextmanager
def bounded(seconds: float = SLOWEST) -> Iterator[None]:
    """Whatever is done within raises TimeoutError after so many seconds, and MemoryError where it takes too much."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, _ring)
    if _SIZES.exists():
        used = int(_SIZES.read_text(encoding="ascii").split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (used + HEAVIEST, hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)


def _ring(number: int, frame: object) -> None:
    raise TimeoutError("the input took too long")
