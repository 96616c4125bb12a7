"""Clauses in use that are not filed, or were not in use: which, how often, since when, and what the registry says."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.filing.store import Statement
from gateway.oversight.compliance import RULES, STOPPED, UNFILED, Kind
from gateway.oversight.store import ClauseUse
from schemas.calendar import shanghai_day
from schemas.canonical import as_json

_FAILING: Mapping[Kind, frozenset[str]] = {"unfiled": UNFILED, "stopped": STOPPED}


def items_of(
    kind: Kind, uses: Iterable[ClauseUse], stated: Mapping[str, Sequence[Statement]], at: datetime
) -> list[dict[str, Any]]:
    """A clause of an insurer as it is listed: the policies signed with it, first and last day, and the registry's word.

    `stated` is everything that was ever stated about each number; what is known at `at` is told, and since when. An
    empty `registry` means that no source states the number.
    """
    together: dict[tuple[str, str], list[ClauseUse]] = {}
    for use in uses:
        together.setdefault((use.insurer, use.clause), []).append(use)
    items = []
    for (insurer, clause), parts in together.items():
        known = [one for one in stated.get(clause, ()) if one.known_from <= at]
        latest = {one.registry: one for one in known}
        items.append(
            {
                "kind": kind,
                "check": "FL-1" if kind == "unfiled" else "FL-2",
                "rule": RULES["FL-1" if kind == "unfiled" else "FL-2"],
                "insurer": insurer,
                "clause": clause,
                "policies": sum(part.policies for part in parts),
                "reasons": _reasons(kind, parts),
                "first_signed_on": _text(min((one.first for one in parts if one.first), default=None)),
                "last_signed_on": _text(max((one.last for one in parts if one.last), default=None)),
                "registry": [_word(one, at) for one in latest.values() if one.filing is not None],
                "history": [
                    {
                        "source": one.registry,
                        "known_from": one.known_from.isoformat(),
                        "stated": one.filing is not None,
                        "digest": one.digest or None,
                    }
                    for one in known
                ],
            }
        )
    return items


def _reasons(kind: Kind, parts: Iterable[ClauseUse]) -> dict[str, int]:
    """Each reason for which it fails, and of how many policies; several may be true of one policy."""
    found: dict[str, int] = {}
    for part in parts:
        for reason in part.reasons.split():
            if reason in _FAILING[kind]:
                found[reason] = found.get(reason, 0) + part.policies
    return dict(sorted(found.items()))


def _word(statement: Statement, at: datetime) -> dict[str, Any]:
    """What a source states: the whole filing, its state on the day, and since when this is known."""
    filing = statement.filing
    assert filing is not None  # the caller left out what is no longer stated
    state = filing.state_on(shanghai_day(at))
    return {
        "source": statement.registry,
        "as_of": str(filing.source.as_of),
        "known_from": statement.known_from.isoformat(),
        "state": state.state if state else None,
        "filing": as_json(filing),
    }


def _text(day: object) -> str | None:
    return None if day is None else str(day)
