"""Judging the stamps over a log, offline: each is on what it says, and proven by itself or by those that cover it.

RFC 4998 section 5.3: the newest stamp has to be good now, and each earlier one as of the moment of a proven one that
covers it. Nothing is fetched; the revocation lists of authorities that ended have to be in the trust folder still.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.timestamps.statement import Stamp, names_note, names_stamp
from schemas.verification import Check, Outcome, failed, passed, unknown
from signing import TrustStore, verify_timestamp

_RULE = "log.timestamps"


@dataclass(frozen=True, slots=True)
class Judged:
    """A stamp, the verdict on it, and the moment at which it proves that its checkpoint existed; None if none."""

    stamp: Stamp
    check: Check
    moment: datetime | None


def judge_stamps(
    stamps: Sequence[Stamp], notes: Mapping[int, bytes], origin: str, trust: TrustStore, at: datetime
) -> list[Judged]:
    """The verdict on each stamp, in the order in which they came. `notes` are the checkpoints by size."""
    judged: list[Judged] = []
    for place in range(len(stamps) - 1, -1, -1):  # the newest first: earlier ones rest on later ones
        stamp = stamps[place]
        before = next((one for one in reversed(stamps[:place]) if one.authority == stamp.authority), None)
        vouching = [one.moment for one in judged if one.moment is not None and names_stamp(one.stamp, stamp)]
        check = _judge(stamp, before, notes, origin, trust, at, min(vouching, default=None))
        judged.append(Judged(stamp, check, stamp.moment if check.outcome is Outcome.PASSED else None))
    return judged[::-1]


def _judge(
    stamp: Stamp,
    before: Stamp | None,
    notes: Mapping[int, bytes],
    origin: str,
    trust: TrustStore,
    at: datetime,
    since: datetime | None,
) -> Check:
    facts: dict[str, Any] = {"stamp": stamp.id, "authority": stamp.authority, "size": stamp.checkpoint}
    note = notes.get(stamp.checkpoint)
    if note is None or not names_note(stamp, origin, note):
        return failed(_RULE, "other-checkpoint", **facts)
    if before is not None and not names_stamp(stamp, before):
        return failed(_RULE, "broken", before=before.id, **facts)
    report = verify_timestamp(stamp.token, imprint=stamp.imprint, trust=trust, at=at, since=since)
    moments = {check.rule: check.facts.get("moment") for check in report.checks}
    why = {check.rule: check.reason for check in report.all_checks() if check.outcome is not Outcome.PASSED}
    if report.outcome is Outcome.FAILED:
        return failed(_RULE, "not-valid", why=why, **facts)
    if report.outcome is not Outcome.PASSED:
        return unknown(_RULE, "not-proven", why=why, **facts)
    stated = moments.get("timestamp.authority")
    if stated is None or datetime.fromisoformat(str(stated)) != stamp.moment.replace(microsecond=0):
        return failed(_RULE, "other-columns", **facts)
    return passed(_RULE, moment=stated, **facts)
