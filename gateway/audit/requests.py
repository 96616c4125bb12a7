"""The signed request that is kept beside what it brought: it proves who sent these bytes (RFC 9421, RFC 9530)."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.acts import Person
from gateway.audit.told import changed, compare, not_known, unsigned
from gateway.participants import Participants
from schemas.verification import Check
from signing.algorithms import find_flaw


def check_request(
    table: str,
    key: object,
    proof: Any,
    body: bytes | None,
    people: Participants,
    sender: str,
    *,
    stated: Mapping[str, bytes] | None = None,
    may_be_empty: bool = False,
) -> Iterator[Check]:
    """The signature holds, its base names the digest of the body, and the key is the sender's.

    Of a body that is not here as a whole, `stated` are its digests, by their names in RFC 9530. Where a request
    `may_be_empty`, it need not state a digest.
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
    digests = stated if stated is not None else _digests(body or b"", proof)
    texts = [f"{name}=:{base64.b64encode(digest).decode()}:" for name, digest in digests.items()]
    if isinstance(proof.get("batch"), dict):
        texts.append("sha-512=:")  # it is the file's, of which this is a line: held against it with the batch
    contents = [line for line in lines if line.startswith('"content-digest"')]
    if not any(text in line for line in contents for text in texts) and (contents or not may_be_empty):
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


def check_signer(table: str, key: object, proof: Any, person: Person, people: Participants) -> Iterator[Check]:
    """The columns name the key that signed, and who holds it."""
    if isinstance(proof, dict):
        yield from compare(table, key, {"keyid": (proof.get("keyid"), person.keyid)})
    known = people.by_key(person.keyid)
    if known is not None:
        yield from compare(table, key, {"holder": (known[1].holder, person.holder)})


def check_another(table: str, key: object, person: Person, first: Person) -> Iterator[Check]:
    """Who agreed is not who asked."""
    if person.is_same_as(first):
        yield changed(table, key, "holder", told="another person than who proposed", there=person.holder)


def lines_of(proof: Mapping[str, Any]) -> list[str]:
    """The lines of what was signed; none if that cannot be read."""
    try:
        return base64.b64decode(str(proof.get("base", "")), validate=True).decode("utf-8", "replace").splitlines()
    except ValueError:
        return []


def check_nonce(table: str, key: object, proof: Mapping[str, Any], nonce: str | None) -> Iterator[Check]:
    """The nonce that is kept is the one that was signed."""
    lines = lines_of(proof)
    if nonce is not None and lines and f';nonce="{nonce}"' not in lines[-1]:
        yield changed(table, key, "nonce", there=nonce)


def _digests(body: bytes, proof: Mapping[str, Any]) -> Mapping[str, bytes]:
    """Of a line of a batch the whole file is what was signed, by the digest that is kept; that the body is one of its
    lines is seen with the batch."""
    batch = proof.get("batch")
    if isinstance(batch, dict):
        try:
            return {"sha-256": bytes.fromhex(str(batch.get("digest", "")).removeprefix("sha256:"))}
        except ValueError:
            return {}
    return {"sha-256": hashlib.sha256(body).digest(), "sha-512": hashlib.sha512(body).digest()}
