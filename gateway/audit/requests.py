"""The signed request that is kept beside what it brought: it proves who sent these bytes (RFC 9421, RFC 9530)."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    signed = _read(proof)
    if signed is None:
        yield unsigned(table, key, "request")
        return
    digests = stated if stated is not None else _digests(body or b"", proof)
    texts = [f"{name}=:{base64.b64encode(digest).decode()}:" for name, digest in digests.items()]
    if isinstance(proof.get("batch"), dict):
        texts.append("sha-512=:")  # it is the file's, of which this is a line: held against it with the batch
    contents = signed.contents()
    if not any(text in line for line in contents for text in texts) and (contents or not may_be_empty):
        yield unsigned(table, key, "request.content-digest")
    yield from _check_signature(table, key, signed, people, sender)


def check_bodiless(
    table: str, key: object, proof: Any, digest: str | None, people: Participants, sender: str
) -> Iterator[Check]:
    """The same of what is not here as bytes: erased by order, kept in a store, or a request that had no body. What was
    signed names `digest` (`sha256:` and hex), if given.

    Who signed for a body by SHA-512 alone cannot be held against a SHA-256: that is not known.
    """
    signed = _read(proof)
    if signed is None:
        yield unsigned(table, key, "request")
        return
    if digest is not None:
        yield from _check_digest(table, key, signed.contents(), digest)
    yield from _check_signature(table, key, signed, people, sender)


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


def lines_of(proof: Any) -> list[str]:
    """The lines of what was signed; none if that cannot be read."""
    try:
        return base64.b64decode(proof["base"], validate=True).decode("utf-8", "replace").splitlines()
    except (KeyError, TypeError, ValueError):
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


@dataclass(frozen=True, slots=True)
class _Signed:
    """A request as it was signed (RFC 9421 section 2.5): the base and its lines, the signature, and by which key."""

    base: bytes
    lines: list[str]
    signature: bytes
    spki: bytes
    public_key: str  # as it is kept: base64 of the spki
    keyid: str
    algorithm: str

    def contents(self) -> list[str]:
        """The lines that name the digest of the body."""
        return [line for line in self.lines if line.startswith('"content-digest"')]


def _read(proof: Any) -> _Signed | None:
    try:
        return _Signed(
            base=base64.b64decode(proof["base"], validate=True),
            lines=lines_of(proof),
            signature=base64.b64decode(proof["signature"], validate=True),
            spki=base64.b64decode(proof["public_key"], validate=True),
            public_key=str(proof["public_key"]),
            keyid=str(proof["keyid"]),
            algorithm=str(proof["algorithm"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _check_signature(table: str, key: object, signed: _Signed, people: Participants, sender: str) -> Iterator[Check]:
    if not signed.lines or f';keyid="{signed.keyid}"' not in signed.lines[-1]:
        yield unsigned(table, key, "request.keyid")
    if find_flaw(signed.algorithm, signed.spki, signed.base, signed.signature, encoding="raw") is not None:
        yield unsigned(table, key, "request.signature")
    known = people.by_key(signed.keyid)
    if known is None:
        yield not_known(table, key, f"key {signed.keyid}")
    elif known[0].code != sender or known[1].public_key != signed.public_key:
        yield unsigned(table, key, "request.public_key")


def _check_digest(table: str, key: object, stated: Sequence[str], digest: str) -> Iterator[Check]:
    text = base64.b64encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode()
    if any(f"sha-256=:{text}:" in line for line in stated):
        return
    if stated and not any("sha-256=:" in line for line in stated):
        yield not_known(table, key, "request.content-digest")
    else:
        yield unsigned(table, key, "request.content-digest")
