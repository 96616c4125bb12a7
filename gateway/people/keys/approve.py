"""A participant asks for a key by one that it has; operators let it in, as many people as the policy asks for."""

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.acts import Acting, Objected, check_person, require
from gateway.db import Connection
from gateway.ledger import append as append_to_log
from gateway.participants import Participant, Participants
from gateway.people.keys import store
from gateway.people.keys.store import Approval, Asked
from schemas.canonical import as_json, canonical
from schemas.log import Entry
from schemas.verification import Check, failed, passed
from signing.errors import Unreadable
from signing.key_request import KeyRequest, algorithm_for_requests, check_possession, read_key_request

_MOST_WAITING = 20
_FURTHEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Wish:
    """What goes with the certificate request: a name for the key, who holds it, and from when until when."""

    keyid: str | None = None
    holder: str | None = None
    not_before: datetime | None = None
    replaces: str | None = None
    replaced_until: datetime | None = None


async def ask(
    connection: Connection,
    body: bytes,
    wish: Wish,
    by: Acting,
    participants: Participants,
    at: datetime,
) -> tuple[Asked, bool]:
    """Keep what a participant asks for; with it whether it is new. The same again is the same. Raises `Objected`."""
    try:
        request = read_key_request(body)
    except Unreadable as error:
        reason = "too-large" if error.rule == "file.too-large" else "malformed"
        raise Objected(failed("key-request.readable", reason, detail=error.detail)) from error
    asked = _asked(request, wish, by, at)
    async with connection.transaction():
        await store.lock(connection)
        if (known := await store.find_request(connection, asked.id)) is not None:
            return known, False
        require(
            check_possession(request),
            check_kind(request),
            check_days(wish, by.participant, at),
            await check_new(connection, asked, participants),
            await _check_few(connection, by.participant),
        )
        await store.insert_request(connection, asked, body, by.proof)
    return asked, True


async def approve(
    connection: Connection,
    asked: Asked,
    by: Acting,
    participants: Participants,
    at: datetime,
    *,
    people: int,
    origin: str,
) -> bool:
    """Let a key in as one person of `people` that it takes; whether it is in now, with its entry in the log.

    It counts from the moment that was asked for, and not before it was let in. Once in, the same again changes nothing.
    Raises `Objected`.
    """
    async with connection.transaction():
        await store.lock(connection)
        if (await store.list_let_in(connection, [asked.id])).get(asked.id) is not None:
            return True
        earlier = await store.list_approvals(connection, [asked.id]) if people > 1 else {}
        require(
            await check_new(connection, asked, participants),
            check_still(asked, participants, at),
            check_person("key-request.second-person", by, [one.by for one in earlier.get(asked.id, [])]),
        )
        await store.insert_approval(connection, asked.id, Approval(by.person, at), by.proof)
        known = (await store.list_approvals(connection, [asked.id]))[asked.id]
        if len(known) < people:
            return False
        not_before = max(asked.not_before or at, at)
        (leaf,) = await append_to_log(connection, [_entry(asked, known, not_before, at)], origin)
        await store.let_in(connection, asked, not_before, at, leaf.index)
    return True


def check_kind(request: KeyRequest) -> Check:
    """The key is of a kind that requests are signed with."""
    algorithm = algorithm_for_requests(request)
    if algorithm is None:
        return failed("key-request.key", "not-for-requests")
    return passed("key-request.key", algorithm=algorithm)


def check_days(wish: Wish, participant: Participant, at: datetime) -> Check:
    """It begins in a time that can be foreseen; what it replaces is the participant's own, and ends at an hour to come,
    not before the new one begins."""
    rule = "key-request.days"
    begin = max(wish.not_before or at, at)
    if begin - at > _FURTHEST:
        return failed(rule, "too-far", field="not_before")
    if (wish.replaces is None) != (wish.replaced_until is None):
        return failed(rule, "incomplete", field="replaces")
    if wish.replaces is None or wish.replaced_until is None:
        return passed(rule)
    if all(key.keyid != wish.replaces for key in participant.keys):
        return failed(rule, "not-yours", field="replaces")
    if wish.replaced_until < begin:
        return failed(rule, "gap", field="replaced_until")
    return passed(rule)


async def check_new(connection: Connection, asked: Asked, participants: Participants) -> Check:
    """Nobody has this key, nor its name; a key has one owner and one name for ever."""
    rule = "key-request.new"
    if participants.by_key(asked.keyid) is not None or participants.find(asked.keyid) is not None:
        return failed(rule, "name-taken", field="keyid", keyid=asked.keyid)
    if any(key.public_key == asked.public_key for one in participants.all() for key in one.keys):
        return failed(rule, "key-taken")
    if await store.is_taken(connection, asked.keyid, asked.public_key):
        return failed(rule, "key-taken")
    return passed(rule)


async def _check_few(connection: Connection, participant: Participant) -> Check:
    waiting = await store.count_waiting(connection, participant.code)
    if waiting >= _MOST_WAITING:
        return failed("key-request.few", "too-many", waiting=waiting)
    return passed("key-request.few")


def check_still(asked: Asked, participants: Participants, at: datetime) -> Check:
    """Who asked still has the key by which it asked, and the days that it asked for have not passed meanwhile."""
    found = participants.by_key(asked.requested_by)
    if found is None or found[0].code != asked.participant or not found[1].is_current(at):
        return failed("key-request.days", "asker-ended", field="keyid")
    wish = Wish(asked.keyid, asked.holder, asked.not_before, asked.replaces, asked.replaced_until)
    return check_days(wish, found[0], at)


def _asked(request: KeyRequest, wish: Wish, by: Acting, at: datetime) -> Asked:
    public_key = base64.b64encode(request.spki).decode()
    participant = by.participant.code
    keyid = wish.keyid or f"{participant}-{hashlib.sha256(request.spki).hexdigest()[:16]}"
    return Asked(
        id=identity_of(participant, public_key, replace(wish, keyid=keyid)),
        participant=participant,
        keyid=keyid,
        algorithm=algorithm_for_requests(request) or "unknown",
        public_key=public_key,
        holder=wish.holder,
        not_before=wish.not_before,
        replaces=wish.replaces,
        replaced_until=wish.replaced_until,
        requested_at=at,
        requested_by=by.key.keyid,
    )


def identity_of(participant: str, public_key: str, wish: Wish) -> str:
    """The id of a request: the digest of all that is asked for, so that the same is asked for once."""
    stated = {
        "participant": participant,
        "keyid": wish.keyid,
        "public_key": public_key,
        "holder": wish.holder,
        "not_before": _moment(wish.not_before),
        "replaces": wish.replaces,
        "replaced_until": _moment(wish.replaced_until),
    }
    return f"K{hashlib.sha256(canonical(stated)).hexdigest()[:32]}"


def _entry(asked: Asked, known: list[Approval], not_before: datetime, at: datetime) -> Entry:
    """What the log says of it; no person by name."""
    return Entry(
        kind="participant-key",
        at=at,
        body={
            "request": asked.id,
            "participant": asked.participant,
            "keyid": asked.keyid,
            "algorithm": asked.algorithm,
            "public_key": asked.public_key,
            "not_before": _moment(not_before),
            "replaces": asked.replaces,
            "replaced_until": _moment(asked.replaced_until),
            "requested_by": asked.requested_by,
            "approved_by": [one.by.keyid for one in known],
        },
    )


def _moment(moment: datetime | None) -> Any:
    return None if moment is None else as_json(moment.astimezone(UTC))
