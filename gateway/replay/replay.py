"""A version of a mapping in shadow: over what is stored, writing nothing, one message after another."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.db import Connection
from gateway.mappings.in_force import Reader
from gateway.participants import Participant
from gateway.replay import store
from gateway.replay.compare import Compared, Verdict, compare
from gateway.submissions.read import read_message
from schemas.mapping import Replayed


async def replay(
    connection: Connection,
    insurer: Participant,
    reader: Reader,
    *,
    since: datetime | None = None,
    limit: int | None = None,
) -> AsyncIterator[Compared]:
    """What the mapping makes of the insurer's stored messages in its format, beside what was made of them.

    Oldest first, one message at a time: memory is that of the largest.
    """
    async for message in store.messages(connection, insurer.code, reader.mapping.dialect, since, limit):
        media_type = message.content_type.split(";")[0].strip().lower()
        yield compare(message, read_message(message.body, media_type, insurer, reader))


@dataclass(slots=True)
class Tally:
    """The counts of a replay, and the digest of everything that was printed of it."""

    insurer: str
    reader: Reader
    counts: dict[Verdict, int] = field(
        default_factory=lambda: {"equal": 0, "differs": 0, "newly_refused": 0, "newly_accepted": 0}
    )
    since: datetime | None = None
    until: datetime | None = None
    printed: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, compared: Compared, print_line: Callable[[Compared], bytes]) -> None:
        """Count one message, and print what differs."""
        self.counts[compared.verdict] += 1
        self.since = self.since or compared.message.received_at
        self.until = compared.message.received_at
        if compared.verdict != "equal":
            self.printed.update(print_line(compared))

    @property
    def seen(self) -> int:
        """How many messages were replayed."""
        return sum(self.counts.values())

    def summary(self) -> Replayed:
        """What a proposal states of the replay."""
        mapping = self.reader.mapping
        return Replayed(
            insurer=self.insurer,
            dialect=mapping.dialect,
            version=mapping.version,
            digest=self.reader.digest,
            since=self.since,
            until=self.until,
            submissions=self.seen,
            equal=self.counts["equal"],
            differs=self.counts["differs"],
            newly_refused=self.counts["newly_refused"],
            newly_accepted=self.counts["newly_accepted"],
            result=f"sha256:{self.printed.hexdigest()}",
        )
