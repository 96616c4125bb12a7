"""The signed request that is kept beside what it brought: it proves who sent these bytes (RFC 9421, RFC 9530)."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.audit.told import not_known, unsigned
from gateway.participants import Participants
from schemas.verification import Check
from signing.algorithms import find_flaw


def check_request(
    table: str, key: object, proof: Any, body: bytes, people: Participants, sender: str
) -> Iterator[Check]:
    """The signature holds, its base names the digest of the body, and the key is the sender's."""
    try:
        base = base64.b64decode(proof["base"], validate=True)
        signature = base64.b64decode(proof["signature"], validate=True)
        spki = base64.b64decode(proof["public_key"], validate=True)
        keyid, algorithm = str(proof["keyid"]), str(proof["algorithm"])
    except (KeyError, TypeError, ValueError):
        yield unsigned(table, key, "request")
        return
    lines = base.decode("utf-8", "replace").splitlines()
    if not any(line.startswith('"content-digest"') and _names(line, body, proof) for line in lines):
        yield unsigned(table, key, "request.content-digest")
    if not lines or f';keyid="{keyid}"' not in lines[-1]:
        yield unsigned(table, key, "request.keyid")
    if find_flaw(algorithm, spki, base, signature, encoding="raw") is not None:
        yield unsigned(table, key, "request.signature")
    known = people.by_key(keyid)
    if known is None:
        yield not_known(table, key, f"key {keyid}")
    elif known[0].code != sender or known[1].public_key != proof["public_key"]:
        yield unsigned(table, key, "request.public_key")


def _names(line: str, body: bytes, proof: Mapping[str, Any]) -> bool:
    """Of a line of a batch the whole file is what was signed: that it has the digest which is kept is what is seen
    here, not that the body is a line of it."""
    batch = proof.get("batch")
    if isinstance(batch, dict):
        stated = str(batch.get("digest", "")).removeprefix("sha256:")
        try:
            return f"sha-256=:{base64.b64encode(bytes.fromhex(stated)).decode()}:" in line or "sha-512=:" in line
        except ValueError:
            return False
    stated = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    return stated in line or f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:" in line
