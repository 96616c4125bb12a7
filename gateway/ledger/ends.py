"""When the log's keys ended, and what follows for a note that one of them signed: nothing from then on is believed.

Whoever verifies learns of ends from the log itself (entries of the kind `key`), from the operator's list (`/v1/keys`),
or both: the earliest counts. A key that was stolen can sign what seems older. Such a note is believed only if a witness
vouches for its time.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.ledger.cosignature import read_cosignatures
from gateway.ledger.note import NoteKey
from schemas.verification import Check, failed, unknown
from untrusted import Refused, read_json

_NEXT = timedelta(microseconds=1)


class NotEnds(ValueError):
    """This is no list of keys."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a key: from `at` on nothing that it signs is believed. `known_at` is None where it is not told."""

    spki: bytes
    at: datetime
    reason: str
    known_at: datetime | None = None


def read_ends(data: bytes) -> tuple[Ended, ...]:
    """The ends in what `/v1/keys` answers: those that were said, and those that were planned. Raises `NotEnds`."""
    try:
        told = read_json(data)
        listed = told["keys"] if isinstance(told, dict) else told
        return tuple(end for one in listed for end in _ends_of(one))
    except (Refused, KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotEnds(f"not the list of /v1/keys: {error}") from error


def end_of(body: Mapping[str, Any], known_at: datetime) -> Ended:
    """The end that an entry of the log states. Raises `NotEnds`."""
    try:
        if body["event"] != "ended":
            raise NotEnds(f"a key {body['event']}")
        return Ended(_spki(body), _moment(body["at"]), str(body["reason"]), known_at)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotEnds(f"not the end of a key: {error}") from error


def find_end(keys: Iterable[NoteKey], ends: Iterable[Ended]) -> Ended | None:
    """The earliest end of any of these keys of a log."""
    known = {key.spki for key in keys if key.algorithm != "cosignature/v1"}
    return min((end for end in ends if end.spki in known), key=lambda end: end.at, default=None)


def check_signers(
    rule: str,
    note: bytes,
    signed_by: Sequence[NoteKey],
    moment: datetime,
    ends: Sequence[Ended],
    keys: Sequence[NoteKey],
) -> Check | None:
    """What is wrong with who signed a note that cannot be older than `moment`; None if nothing is.

    Failed if one of the keys had ended by then. Indeterminate if one was stolen later and no witness among `keys` saw
    the note before the theft: then nobody knows that it is as old as it seems.
    """
    end = find_end(signed_by, ends)
    if end is not None and end.at <= moment:
        return failed(rule, "ended-key", **_about(end, moment))
    stolen = find_end(signed_by, [end for end in ends if end.reason != "rotated"])
    if stolen is None:
        return None
    seen = [one.at for one in read_cosignatures(note, keys)]
    if any(datetime.fromtimestamp(at, UTC) < stolen.at for at in seen):
        return None
    return unknown(rule, "not-vouched", **_about(stolen, moment))


def _about(end: Ended, moment: datetime) -> dict[str, Any]:
    return {"moment": moment.isoformat(), "ended_at": end.at.isoformat(), "why": end.reason}


def _ends_of(one: Mapping[str, Any]) -> Iterable[Ended]:
    said = one.get("ended")
    if said is not None:
        known_at = _moment(said["known_at"]) if "known_at" in said else None
        yield Ended(_spki(one), _moment(said["at"]), str(said["reason"]), known_at)
    if one.get("not_after") is not None:  # until then, inclusive
        yield Ended(_spki(one), _moment(one["not_after"]) + _NEXT, "rotated")


def _spki(one: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(str(one["public_key"]), validate=True)
    except binascii.Error as error:
        raise NotEnds("a public key is not base64") from error


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise NotEnds("a moment without its offset")
    return moment
