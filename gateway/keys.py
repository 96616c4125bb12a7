"""The gateway's own keys: those in use, those before them, and when each ended; none of them private.

What was signed stays verifiable: an answer, a receipt or a checkpoint names its key, and `/v1/keys` says from when
until when that key counted.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from gateway.db import Connection
from gateway.errors import Misconfigured
from gateway.participants import ParticipantKey
from schemas.canonical import as_json
from signing.algorithms import find_flaw
from signing.signer import Signer
from untrusted import Refused, read_json

Reason = Literal["rotated", "compromised"]


@dataclass(frozen=True, slots=True)
class KeyEnd:
    """When a key ended and why: nothing that it signs from `at` on is believed. The earliest end counts."""

    keyid: str
    at: datetime
    known_at: datetime
    reason: Reason
    leaf_index: int


def load_previous(file: Path | None) -> tuple[ParticipantKey, ...]:
    """The keys before those in use: a JSON array, each with `keyid`, `algorithm`, `public_key`, `not_before`,
    `not_after`. Raises `Misconfigured` naming the entry; a key without an end is one of them."""
    if file is None:
        return ()
    try:
        entries = read_json(file.read_bytes())
        if not isinstance(entries, list):
            raise Misconfigured(f"{file}: an array of keys is expected")
        keys = tuple(ParticipantKey.model_validate(entry) for entry in entries)
    except (OSError, Refused) as error:
        raise Misconfigured(f"{file}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise Misconfigured(f"{file}: {first['loc']}: {first['msg']}") from error
    for key in keys:
        if key.not_after is None:
            raise Misconfigured(f"{file}: {key.keyid}: an earlier key needs its not_after")
        flaw = find_flaw(key.algorithm, key.spki(), b"", b"", encoding="raw")
        if flaw is not None and flaw.rule in ("signature.key", "signature.algorithm"):
            raise Misconfigured(f"{file}: {key.keyid}: not usable as {key.algorithm}: {flaw.reason}")
    if len({key.keyid for key in keys}) < len(keys):
        raise Misconfigured(f"{file}: a key id stands twice")
    return keys


async def find_ends(connection: Connection) -> dict[str, KeyEnd]:
    """By key id the end that counts: the earliest that was said."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (keyid) keyid, at, known_at, reason, leaf_index FROM key_events WHERE event = 'ended' "
        "ORDER BY keyid, at, id"
    )
    return {row[0]: KeyEnd(*row) for row in await cursor.fetchall()}


async def insert_end(connection: Connection, key: ParticipantKey, end: KeyEnd) -> None:
    """Keep the end of a key, beside its entry in the log."""
    await connection.execute(
        "INSERT INTO key_events (keyid, algorithm, public_key, event, at, known_at, reason, leaf_index) "
        "VALUES (%s, %s, %s, 'ended', %s, %s, %s, %s)",
        (key.keyid, key.algorithm, key.public_key, end.at, end.known_at, end.reason, end.leaf_index),
    )


def in_use(signers: Sequence[Signer]) -> tuple[ParticipantKey, ...]:
    """The public keys of who signs now."""
    return tuple(
        ParticipantKey.model_validate(
            {
                "keyid": signer.keyid,
                "algorithm": signer.algorithm,
                "public_key": base64.b64encode(signer.spki).decode(),
            }
        )
        for signer in signers
    )


def published(
    signers: Sequence[Signer], previous: Sequence[ParticipantKey], ends: dict[str, KeyEnd]
) -> list[dict[str, Any]]:
    """The keys as `/v1/keys` has them: those in use first. `not_after` is the earlier of what was planned and of what
    was said later; `ended` says why, and where the log says it."""
    listed = []
    for key in (*in_use(signers), *previous):
        plain: dict[str, Any] = as_json(key)
        plain.pop("holder", None)
        if (end := ends.get(key.keyid)) is not None:
            planned = key.not_after or end.at
            plain["not_after"] = as_json(min(planned, end.at))
            plain["ended"] = {
                "at": as_json(end.at),
                "known_at": as_json(end.known_at),
                "reason": end.reason,
                "leaf_index": end.leaf_index,
            }
        listed.append(plain)
    return listed


def check_not_ended(signers: Sequence[Signer], ends: dict[str, KeyEnd], at: datetime) -> None:
    """Raises `Misconfigured` if a key that is to sign has ended by `at`: nobody would believe what it signs."""
    for signer in signers:
        end = ends.get(signer.keyid)
        if end is not None and end.at <= at:
            raise Misconfigured(f"key {signer.keyid} ended at {end.at.isoformat()} ({end.reason}): configure another")
