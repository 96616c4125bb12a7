"""The gateway's own keys: those in use, those before them, and when each ended; none of them private.

What was signed stays verifiable: an answer, a receipt or a checkpoint names its key, and `/v1/keys` says from when
until when that key counted.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from gateway.config import Config
from gateway.db import Connection
from gateway.errors import Misconfigured
from gateway.participants import ParticipantKey
from schemas.canonical import as_json
from signing.algorithms import find_flaw
from signing.errors import UnusableKey
from signing.signer import Signer, load_signer
from signing.token_uri import NotATokenUri, TokenUri, read_token_uri
from untrusted import Refused, read_json

Reason = Literal["rotated", "compromised"]


_PIN = "GATEWAY_PKCS11_PIN"
_LONGEST_PIN = 256


def load_own_signer(config: Config, environment: Mapping[str, str] = os.environ) -> Signer:
    """Who signs for the gateway: a key in a PEM file, or in a PKCS #11 token. Raises `Misconfigured`.

    Of a token: the library is `module-path` of its URI or `pkcs11_module`; the PIN is in the file `pin-source` or
    `pkcs11_pin_file`, or in the environment (`GATEWAY_PKCS11_PIN`); never in the configuration.
    """
    place = config.signing_key
    try:
        if isinstance(place, Path):
            return load_signer(place.read_bytes())
        uri = read_token_uri(place)
        module = Path(uri.module_path) if uri.module_path else config.pkcs11_module
        if module is None:
            raise Misconfigured("signing_key: which library reaches the token: pkcs11_module, or the URI's module-path")
        # A service without tokens needs no library for them.
        from signing.pkcs11 import open_token

        return open_token(uri, module, _read_pin(config, uri, environment))
    except (UnusableKey, NotATokenUri, OSError) as error:
        raise Misconfigured(f"signing_key: {error}") from error


def _read_pin(config: Config, uri: TokenUri, environment: Mapping[str, str]) -> str:
    source = uri.pin_source.removeprefix("file:") if uri.pin_source else None
    file = Path(source) if source else config.pkcs11_pin_file
    if file is None:
        if not environment.get(_PIN):
            raise Misconfigured(f"signing_key: the PIN of the token: {_PIN}, pkcs11_pin_file, or pin-source in the URI")
        return environment[_PIN]
    with file.open("rb") as stream:
        pin = stream.read(_LONGEST_PIN + 1)
    try:
        text = pin.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{file}: the PIN is not UTF-8") from error
    if not text or len(pin) > _LONGEST_PIN:
        raise Misconfigured(f"{file}: there is no PIN in it")
    return text


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
