"""The time-stamps in a bundle: when the log, with the premium in it, was there, by the word of others.

Of each authority the first stamp on a checkpoint that covers everything in the bundle, and, if what it rests on has
ended since, those that vouch for it (RFC 4998 section 5.3).
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.bundle.read import Bundle, Unreadable
from gateway.db import Connection
from gateway.ledger.checkpoint import Checkpoint, CheckpointRefused, read_stored
from gateway.ledger.merkle import check_consistency
from gateway.ledger.proofs import prove_consistency
from gateway.timestamps import store
from gateway.timestamps.chain import judge_stamps
from gateway.timestamps.statement import Stamp, names_stamp
from schemas.canonical import as_json
from schemas.verification import Outcome
from signing import TrustStore

PATH = "log/timestamps.json"
_MOST = 64  # stamps of one authority in a bundle


async def timestamp_files(connection: Connection, last_index: int, size: int, at: datetime) -> dict[str, bytes]:
    """The file of stamps, if there are any; everything in the bundle stands in the log up to `last_index`, and its
    checkpoint has `size` leaves."""
    listed: list[dict[str, Any]] = []
    for first, is_good in await store.find_firsts(connection, last_index, size, at):
        stamps = [first] if is_good else path_from(first, await store.list_stamps(connection), at)
        notes = await store.read_notes(connection, [one.checkpoint for one in stamps])
        proof = await prove_consistency(connection, first.checkpoint, size)
        plain = [_plain(one, notes[one.checkpoint]) for one in stamps]
        listed.append({"authority": first.authority, "consistency": [one.hex() for one in proof], "stamps": plain})
    return {PATH: orjson.dumps({"authorities": listed})} if listed else {}


def path_from(first: Stamp, stamps: Sequence[Stamp], at: datetime) -> list[Stamp]:
    """The fewest stamps that lead from `first` to one that is good at `at`, each covered by the next while it was good
    itself. If none leads so far, as far as they lead."""
    later = [one for one in stamps if one.authority == first.authority and one.id > first.id]
    paths: dict[int, list[Stamp]] = {first.id: [first]}
    best = paths[first.id]
    for one in later:  # in order, so that every path to those before is known
        before = [
            path
            for path in paths.values()
            if one.moment < path[-1].lasts and len(path) < _MOST and names_stamp(one, path[-1])
        ]
        if before:
            paths[one.id] = [*min(before, key=len), one]
            if one.lasts > best[-1].lasts:
                best = paths[one.id]
            if one.lasts > at:
                return paths[one.id]
    return best


def judge_timestamps(
    bundle: Bundle, checkpoint: Checkpoint, trust: TrustStore, at: datetime
) -> tuple[int, list[str], list[str], list[str]]:
    """How many stamps there are, what is wrong with them, what cannot be believed for now, and what they prove.

    Each stamp is on what it states; the first is on a checkpoint of this log, whose tree the bundle's own extends and
    in which everything stands that the bundle shows. Whose signature that earlier checkpoint has does not matter: what
    is in the tree is proven by `checkpoint`, which was verified, and when it was there by the stamp.
    """
    wrong: list[str] = []
    absent: list[str] = []
    proven: list[str] = []
    count = 0
    last = max((int(leaf["index"]) for leaf in bundle.json("log/leaves.json")["leaves"]), default=0)
    for told in bundle.json(PATH)["authorities"]:
        try:
            stamps, notes = _read(told)
            proof = [bytes.fromhex(one) for one in told["consistency"]]
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            raise Unreadable(f"{PATH}: {error}") from error
        count += len(stamps)
        flaw = _find_flaw(stamps[0], notes, proof, last, checkpoint)
        if flaw is not None:
            wrong.append(f"{told['authority']}: {flaw}")
            continue
        judged = judge_stamps(stamps, notes, checkpoint.origin, trust, at)
        for one in judged:
            words = f"{told['authority']} {one.stamp.id}: {one.check.reason}"
            if one.check.outcome is Outcome.FAILED:
                wrong.append(words)
            elif one.check.outcome is not Outcome.PASSED:
                absent.append(words)
        if judged[0].moment is not None:
            moment = judged[0].moment.isoformat()
            proven.append(f"{told['authority']}: the log of {stamps[0].checkpoint} entries was there at {moment}")
    return count, wrong, absent, proven


def _find_flaw(
    first: Stamp,
    notes: dict[int, bytes],
    proof: Sequence[bytes],
    last: int,
    checkpoint: Checkpoint,
) -> str | None:
    try:
        stamped = read_stored(notes[first.checkpoint])
    except CheckpointRefused as refused:
        return str(refused)
    if stamped.origin != checkpoint.origin or not last < stamped.size == first.checkpoint <= checkpoint.size:
        return "a checkpoint that does not cover the bundle"
    found = check_consistency(stamped.size, checkpoint.size, stamped.root, proof, checkpoint.root)
    return None if found.outcome is Outcome.PASSED else "a checkpoint of another tree"


def _plain(one: Stamp, note: bytes) -> dict[str, Any]:
    return {
        "id": one.id,
        "digest": one.digest,
        "checkpoint": one.checkpoint,
        "moment": as_json(one.moment),
        "lasts": as_json(one.lasts),
        "known_at": as_json(one.known_at),
        "leaf_index": one.leaf_index,
        "statement": one.statement.decode(),
        "token": base64.b64encode(one.token).decode(),
        "note": note.decode(),
    }


def _read(told: dict[str, Any]) -> tuple[list[Stamp], dict[int, bytes]]:
    stamps, notes = [], {}
    for one in told["stamps"]:
        if one["digest"] not in ("sha256", "sha384", "sha512", "sm3"):
            raise Unreadable(f"{PATH}: digest {one['digest']}")
        moment, lasts, known_at = (datetime.fromisoformat(one[name]) for name in ("moment", "lasts", "known_at"))
        stamp = Stamp(
            int(one["id"]),
            str(told["authority"]),
            one["digest"],
            int(one["checkpoint"]),
            moment,
            lasts,
            one["statement"].encode(),
            base64.b64decode(one["token"], validate=True),
            known_at,
            int(one["leaf_index"]),
        )
        stamps.append(stamp)
        notes[stamp.checkpoint] = one["note"].encode()
    if not stamps:
        raise Unreadable(f"{PATH}: an authority without stamps")
    return stamps, notes
