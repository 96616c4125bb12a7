"""Keys that were let in against the log, the requests that they came of, and the people who signed for them."""

import base64
from collections.abc import Iterator, Sequence

from gateway.acts import Person
from gateway.audit.entry import Range, Said
from gateway.audit.requests import check_request, check_signer, lines_of
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import changed, compare, missing, unsigned
from gateway.participants import Participants
from gateway.people.keys.approve import Wish, identity_of
from schemas.canonical import as_json
from schemas.verification import Check
from signing.errors import Unreadable
from signing.key_request import read_key_request

_KEYS = (
    "SELECT k.leaf_index, k.keyid, k.request, k.participant, k.algorithm, k.public_key, k.not_before, k.replaces, "
    "k.replaced_until, k.known_at, k.holder, r.participant, r.keyid, r.algorithm, r.public_key, r.holder, r.replaces, "
    "r.replaced_until, r.requested_by FROM participant_keys k LEFT JOIN key_requests r ON r.id = k.request "
    "WHERE k.leaf_index = ANY(%s)"
)
_REQUESTS = (
    "SELECT id, participant, requested_by, body, request, public_key, keyid, holder, not_before, replaces, "
    "replaced_until FROM key_requests ORDER BY id"
)
_APPROVALS = "SELECT request, participant, keyid, holder, proof FROM key_approvals ORDER BY request, holder"


def judge(connection: Snapshot, said: Sequence[Said], _: Participants, found: Range) -> Iterator[Check]:
    """Every key that the log speaks of is there, as it was asked for and let in."""
    there = {row[0]: row[1:] for row in rows(connection, _KEYS, [one.index for one in said])}
    for one in said:
        row = there.get(one.index)
        if row is None:
            yield missing("participant_keys", one.body.get("keyid"), leaf=one.index)
            continue
        found.count("participant_keys")
        keyid, request, participant, algorithm, public_key, not_before, replaces, until, known_at, holder, *own = row
        stated = {
            "request": (one.body.get("request"), request),
            "participant": (one.body.get("participant"), participant),
            "keyid": (one.body.get("keyid"), keyid),
            "algorithm": (one.body.get("algorithm"), algorithm),
            "public_key": (one.body.get("public_key"), public_key),
            "not_before": (one.body.get("not_before"), as_json(not_before)),
            "replaces": (one.body.get("replaces"), replaces),
            "replaced_until": (one.body.get("replaced_until"), as_json(until)),
            "known_at": (as_json(one.at), as_json(known_at)),
        }
        yield from compare("participant_keys", keyid, stated)
        if own[0] is None:
            yield missing("key_requests", request, leaf=one.index)
            continue
        asked = (participant, keyid, algorithm, public_key, holder, replaces, as_json(until), one.body["requested_by"])
        if asked != (*own[:6], as_json(own[6]), own[7]):
            yield changed("participant_keys", keyid, "request", told=request)
        approved = {row[0] for row in rows(connection, "SELECT keyid FROM key_approvals WHERE request = %s", request)}
        for approver in one.body.get("approved_by", ()):
            if approver not in approved:
                yield missing("key_approvals", f"{request} {approver}", leaf=one.index)


def judge_requests(connection: Snapshot, people: Participants) -> Iterator[Check]:
    """Who asked signed the certificate request as it is kept."""
    for identity, participant, requested_by, body, proof, public_key, *wish in rows(connection, _REQUESTS):
        yield from check_request("key_requests", identity, proof, bytes(body), people, participant)
        if proof.get("keyid") != requested_by:
            yield changed("key_requests", identity, "requested_by")
        if identity_of(participant, public_key, Wish(*wish)) != identity:
            yield changed("key_requests", identity, "columns")
        try:
            brought = base64.b64encode(read_key_request(bytes(body)).spki).decode()
        except Unreadable:
            brought = None
        if brought != public_key:
            yield changed("key_requests", identity, "public_key")


def judge_approvals(connection: Snapshot, people: Participants) -> Iterator[Check]:
    """Who let a key in signed for that very request, and is the person who is named."""
    for request, participant, keyid, holder, proof in rows(connection, _APPROVALS):
        key = f"{request} {keyid}"
        yield from check_request("key_approvals", key, proof, b"", people, participant, may_be_empty=True)
        address = f"/v1/key-requests/{request}/approval"
        if not any(address in line for line in lines_of(proof) if line.startswith('"@target-uri"')):
            yield unsigned("key_approvals", key, "request.address")
        yield from check_signer("key_approvals", key, proof, Person(participant, keyid, holder), people)
