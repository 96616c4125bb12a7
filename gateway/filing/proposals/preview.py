"""A file as it would change what is known: read, compared, and every reason why it could not count. Nothing is kept."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from gateway.db import Connection
from gateway.filing.proposals import store
from gateway.filing.proposals.differences import Differences, Known, compare
from gateway.filing.push import Push, names_of
from gateway.filing.read import RegistryFile, read_registry
from gateway.filing.registry import statement_digest
from gateway.filing.store import digest_of_all
from gateway.participants import Participant
from schemas.calendar import shanghai_day
from schemas.filing import Source
from schemas.verification import Check, Outcome, failed, passed

_NOTHING = Differences((), 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Preview:
    """What the file states and changes. With `problems` it cannot count; without a source it could not even be read.

    `base` is the digest of what its registry states now, `stated` that of all that the file states.
    """

    file: RegistryFile
    whole: bool
    differences: Differences
    base: str
    stated: str
    problems: tuple[Check, ...]
    news: Check


async def preview(connection: Connection, pushed: Push, insurers: Iterable[Participant], at: datetime) -> Preview:
    """Read a file and compare it with what is known of its registry, as of one moment of the database."""
    file = await asyncio.to_thread(read, pushed, insurers, at)
    whole = file.is_whole if pushed.whole is None else pushed.whole
    if file.source is None:
        return Preview(file, whole, _NOTHING, "", "", file.problems, passed("filing-proposal.news"))
    async with store.one_moment(connection):
        known = await store.known_of(connection, file.source.registry)
        latest = await store.whole_of(connection, file.source.registry)
        base = await store.base_of(connection, file.source.registry)
    digests = await asyncio.to_thread(lambda: list(map(statement_digest, file.filings)))
    differences = await asyncio.to_thread(compare, file.filings, digests, known, whole=whole, day=file.source.as_of)
    stated = digest_of_all(digests)
    checks = [
        check_day(file.source, differences, known, latest[0] if latest else None, shanghai_day(at)),
    ]
    moves = whole and latest != (file.source.as_of, stated)
    problems = tuple(check for check in checks if check.outcome is not Outcome.PASSED)
    return Preview(file, whole, differences, base, stated, problems, check_news(differences, moves=moves))


def read(pushed: Push, insurers: Iterable[Participant], at: datetime) -> RegistryFile:
    """What the pushed file states."""
    return read_registry(
        pushed.data,
        file_name=pushed.media_type,
        fetched_at=at,
        insurers=names_of(insurers),
        registry=pushed.registry,
        as_of=pushed.as_of,
        may_be_empty=pushed.whole is True,
    )


def stated_by(file: RegistryFile) -> str:
    """The digest of all that a file states, whatever its form."""
    return digest_of_all([statement_digest(one) for one in file.filings])


def check_day(
    source: Source, differences: Differences, known: dict[str, Known], latest: date | None, today: date
) -> Check:
    """The day has come, and nothing later is known: an earlier statement would undo it."""
    rule = "filing-proposal.day"
    if source.as_of > today:
        return failed(rule, "in-future", field="as_of", as_of=str(source.as_of), today=str(today))
    days = [known[one.registration_no].as_of for one in differences.listed if one.registration_no in known]
    later = max([*days, *([latest] if latest else [])], default=source.as_of)
    if source.as_of < later:
        return failed(rule, "later-known", field="as_of", as_of=str(source.as_of), known=str(later))
    return passed(rule)


def check_news(differences: Differences, *, moves: bool) -> Check:
    """It changes something, or says as of a new day that all is as it was."""
    if not differences.listed and not moves:
        return failed("filing-proposal.news", "nothing-new", unchanged=differences.unchanged)
    return passed("filing-proposal.news")
