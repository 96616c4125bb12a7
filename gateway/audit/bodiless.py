"""The signed request of what is not here as bytes: erased by order, kept in a store, or a request that had no body."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.audit.told import not_known, unsigned
from gateway.participants import Participants
from signing.algorithms import find_flaw


def check_bodiless(
    table: str, key: object, proof: Any, digest: str | None, people: Participants, sender: str
) -> Iterator[Any]:
    """The signature holds, the key is the sender's, and what was signed names `digest` (`sha256:` and hex), if given.

    Who signed for a body by SHA-512 alone cannot be held against a SHA-256: that is not known.
    """
    try:
        base = base64.b64decode(proof["base"], validate=True)
        signature = base64.b64decode(proof["signature"], validate=True)
        spki = base64.b64decode(proof["public_key"], validate=True)
        keyid, algorithm = str(proof["keyid"]), str(proof["algorithm"])
    except (KeyError, TypeError, ValueError):
        yield unsigned(table, key, "request")
        return
    lines = base.decode("utf-8", "replace").splitlines()
    if digest is not None:
        yield from _check_digest(table, key, lines, digest)
    if not lines or f';keyid="{keyid}"' not in lines[-1]:
        yield unsigned(table, key, "request.keyid")
    if find_flaw(algorithm, spki, base, signature, encoding="raw") is not None:
        yield unsigned(table, key, "request.signature")
    known = people.by_key(keyid)
    if known is None:
        yield not_known(table, key, f"key {keyid}")
    elif known[0].code != sender or known[1].public_key != proof["public_key"]:
        yield unsigned(table, key, "request.public_key")


def _check_digest(table: str, key: object, lines: Sequence[str], digest: str) -> Iterator[Any]:
    stated = [line for line in lines if line.startswith('"content-digest"')]
    text = base64.b64encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode()
    if any(f"sha-256=:{text}:" in line for line in stated):
        return
    if stated and not any("sha-256=:" in line for line in stated):
        yield not_known(table, key, "request.content-digest")
    else:
        yield unsigned(table, key, "request.content-digest")


def signed_lines(proof: Any) -> list[str]:
    """The lines of what was signed; none if that cannot be read."""
    try:
        return base64.b64decode(proof["base"], validate=True).decode("utf-8", "replace").splitlines()
    except (KeyError, TypeError, ValueError):
        return []
