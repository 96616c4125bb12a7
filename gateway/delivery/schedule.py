"""When a message that was not accepted is sent again, and when an endpoint is given up."""

import hashlib
from datetime import datetime, timedelta

_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
ATTEMPTS = len(_DELAYS) + 1
"""The first at once, the others after these delays: 27 hours, 35 minutes and 5 seconds in all, and a little jitter."""

_JITTER = 0.02
_LONGEST_RETRY_AFTER = timedelta(hours=24)
FAILING_FOR = timedelta(days=5)
"""An endpoint that accepts nothing for so long is sent nothing more."""

SUSPECT = 3
"""After so many failures with nothing accepted between, it is the endpoint that fails: it is asked with one message at
a time, and rests in between, so that an outage does not use up every message's attempts."""
_SHORTEST_REST = timedelta(seconds=30)
_LONGEST_REST = timedelta(hours=1)


def next_attempt(name: str, failed: int, at: datetime, retry_after: int | None) -> datetime | None:
    """When the message is sent again after its `failed`-th failure at `at`; None if it is given up.

    The jitter follows from the message's name, so that many that failed together do not come back together. A receiver
    that asks for more time (`retry_after`, in seconds) gets it, up to a day.
    """
    if failed >= ATTEMPTS:
        return None
    digest = hashlib.sha256(f"{name} {failed}".encode()).digest()
    delay = _DELAYS[failed - 1] * (1 + _JITTER * digest[0] / 255)
    if retry_after is not None:
        delay = max(delay, min(timedelta(seconds=retry_after), _LONGEST_RETRY_AFTER))
    return at + delay


def rest(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row."""
    if failures < SUSPECT:
        return timedelta(0)
    return min(_SHORTEST_REST * (1 << min(failures - SUSPECT, 10)), _LONGEST_REST)


def is_lost(failing_since: datetime | None, at: datetime) -> bool:
    """Whether nothing was accepted for five days."""
    return failing_since is not None and at - failing_since >= FAILING_FOR
