"""What another version of a mapping makes of a stored message, held against what was made of it: field by field."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.replay.store import StoredMessage, StoredRecord
from gateway.submissions.read import Reading, ReadRecord
from schemas.verification import Check, Outcome

Verdict = Literal["equal", "differs", "newly_refused", "newly_accepted"]

_Source = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one record that reads otherwise: both values, and where each comes from, with its raw text.

    `record` counts the message's records from 1, as they were kept. A value that is absent is `None`.
    """

    record: int
    type: str
    policy_no: str | None
    field: str
    before: Any
    after: Any
    source_before: _Source
    source_after: _Source


@dataclass(frozen=True, slots=True)
class Compared:
    """One message: the verdict, and everything in which the two readings differ."""

    message: StoredMessage
    verdict: Verdict
    fields: tuple[Difference, ...] = ()
    gone: tuple[StoredRecord, ...] = ()
    new: tuple[ReadRecord, ...] = ()
    problems_gone: tuple[Check, ...] = ()
    problems_new: tuple[Check, ...] = ()


def compare(stored: StoredMessage, candidate: Reading) -> Compared:
    """Hold the candidate's reading against the records and problems that were kept.

    Refused both times for the same reasons is equal; notes beside records count like problems.
    """
    before = stored.checks
    after = [check for check in candidate.checks if check.outcome is not Outcome.PASSED]
    problems_gone, problems_new = _without(before, after), _without(after, before)
    was_accepted, is_accepted = bool(stored.records), not candidate.is_refused
    if was_accepted != is_accepted:
        verdict: Verdict = "newly_accepted" if is_accepted else "newly_refused"
        return Compared(stored, verdict, new=candidate.records, problems_gone=problems_gone, problems_new=problems_new)
    pairs, gone, new = _paired(stored.records, candidate.records)
    fields = tuple(difference for place, kept, read in pairs for difference in _differences(place, kept, read))
    is_equal = not (fields or gone or new or problems_gone or problems_new)
    return Compared(stored, "equal" if is_equal else "differs", fields, gone, new, problems_gone, problems_new)


def _without(checks: Iterable[Check], others: Iterable[Check]) -> tuple[Check, ...]:
    """Those checks that have no equal among the others: the same rule, reason, field and row."""
    known = Counter(map(_said, others))
    found = []
    for check in checks:
        if known[_said(check)]:
            known[_said(check)] -= 1
        else:
            found.append(check)
    return tuple(found)


def _said(check: Check) -> tuple[str, str | None, str | None, str]:
    return check.rule, check.reason, check.field, str(check.facts.get("row"))


def _paired(
    kept: Sequence[StoredRecord], read: Sequence[ReadRecord]
) -> tuple[list[tuple[int, StoredRecord, ReadRecord]], tuple[StoredRecord, ...], tuple[ReadRecord, ...]]:
    """Which record is which: the same types in the same order, or else the same type, policy and number."""
    if [one.type for one in kept] == [one.type for one in read]:
        return [(place, *pair) for place, pair in enumerate(zip(kept, read, strict=True), 1)], (), ()
    waiting: dict[tuple[str, str | None, str | None], list[ReadRecord]] = {}
    for record in read:
        waiting.setdefault((record.type, record.policy_no, record.number), []).append(record)
    pairs, gone = [], []
    for place, one in enumerate(kept, 1):
        if same := waiting.get((one.type, one.policy_no, one.number)):
            pairs.append((place, one, same.pop(0)))
        else:
            gone.append(one)
    return pairs, tuple(gone), tuple(record for left in waiting.values() for record in left)


def _differences(place: int, kept: StoredRecord, read: ReadRecord) -> Iterator[Difference]:
    if orjson.dumps(kept.values, option=orjson.OPT_SORT_KEYS) == orjson.dumps(read.values, option=orjson.OPT_SORT_KEYS):
        return  # as nearly all are
    before, after = dict(_flat(kept.values)), dict(_flat(read.values))
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if type(one) is not type(other) or one != other:  # true is not 1
            yield Difference(
                record=place,
                type=kept.type,
                policy_no=kept.policy_no,
                field=name,
                before=one,
                after=other,
                source_before=_source(kept.lineage, name),
                source_after=_source(read.lineage, name),
            )


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value below, by its dotted path, list indexes included, as lineage names them."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _flat(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from _flat(item, f"{path}.{place}")
    else:
        yield path, value


def _source(lineage: Any, name: str) -> _Source:
    """Where a value comes from; a list that one cell holds has its lineage as a whole."""
    while name:
        if name in lineage:
            found: dict[str, Any] = lineage[name]
            return found
        name = name.rpartition(".")[0]
    return None
