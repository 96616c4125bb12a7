"""Who is signed in at this console: a cookie that says nothing, and behind it the session that the gateway gave.

Sessions are the gateway's: it says who somebody is and what he may read, and it ends them. Here is only kept which
browser goes with which, in memory: a console that restarts asks people to sign in again, and loses nothing else.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from client.browser import Unsigned
from client.session import SignedIn

COOKIE = "console"
_MOST = 10_000  # visits; beyond that the one that was idle the longest goes
_MOST_ACTS = 20  # of one visit, waiting for their signature


@dataclass(slots=True)
class Visit:
    """One browser: its person, the word that forms must carry (CSRF), and the acts that wait for a signature."""

    identity: str
    csrf: str
    person: SignedIn
    acts: OrderedDict[str, "Waiting"] = field(default_factory=OrderedDict)

    def await_signature(self, waiting: "Waiting") -> str:
        """Keep an act until its signature comes; the name that it comes under."""
        name = secrets.token_urlsafe(18)
        self.acts[name] = waiting
        while len(self.acts) > _MOST_ACTS:
            self.acts.popitem(last=False)
        return name


@dataclass(frozen=True, slots=True)
class Waiting:
    """An act that was prepared, and where its maker goes when it is done."""

    unsigned: Unsigned
    then: str


class Visits:
    """All visits of this process."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, person: SignedIn) -> Visit:
        """A new visit, under a new cookie: whoever knew an earlier one knows nothing."""
        visit = Visit(secrets.token_urlsafe(32), secrets.token_urlsafe(32), person)
        with self._lock:
            self._visits[visit.identity] = visit
            while len(self._visits) > _MOST:
                self._visits.popitem(last=False)
        return visit

    def find(self, cookie: str | None) -> Visit | None:
        """The visit behind a cookie, if its session has not run out."""
        if cookie is None:
            return None
        with self._lock:
            visit = self._visits.get(cookie)
            if visit is None:
                return None
            if datetime.fromisoformat(visit.person.expires_at) <= self._now():
                del self._visits[cookie]
                return None
            self._visits.move_to_end(cookie)
            return visit

    def end(self, visit: Visit) -> None:
        """Forget a visit."""
        with self._lock:
            self._visits.pop(visit.identity, None)
