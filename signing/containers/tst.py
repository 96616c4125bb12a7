"""Time-stamp tokens (RFC 3161, GB/T 20520): what a token says it is a stamp of, and when. Nothing is believed here."""

from dataclasses import dataclass

from signing.containers.cms import SIGNED_DATA
from signing.containers.der import NotAsExpected, boolean, expect, integer, object_id, octets
from signing.moments import read_moment
from signing.seal import Moment
from untrusted import Node, Refused, read_der

_SEQUENCE, _INTEGER, _BOOLEAN, _GENERAL_TIME = 0x30, 0x02, 0x01, 0x18
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_GRANTED = (0, 1)  # granted, granted with modifications
_DIGESTS = {
    "1.2.156.10197.1.401": "sm3",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token states: the digest of what it stamps, the moment, and the number of the query that it answers."""

    digest_algorithm: str
    imprint: bytes
    moment: Moment
    nonce: int | None = None


def unwrapped(data: bytes) -> bytes:
    """The token, out of the response of RFC 3161 section 2.4.2 that wraps a granted one. Raises `NotAsExpected`."""
    root = _read(data)
    if not (root.tag == _SEQUENCE and root.children and root.children[0].tag == _SEQUENCE):
        return data
    status = root.children[0].children
    if len(root.children) != 2 or not status or integer(status[0]) not in _GRANTED:
        raise NotAsExpected("a time-stamp response that grants nothing")
    return root.children[1].raw


def read_stamp(token: bytes) -> Stamp:
    """The statement of a token. Raises `NotAsExpected`."""
    try:
        return _statement(_content(_read(token)))
    except Refused as refused:
        raise NotAsExpected(f"{refused.rule}: {refused.detail}") from refused


def _read(data: bytes) -> Node:
    try:
        return read_der(data, limits=SIGNED_DATA)
    except Refused as refused:
        raise NotAsExpected(f"{refused.rule}: {refused.detail}") from refused


def _content(root: Node) -> Node:
    """The TSTInfo inside of a SignedData."""
    signed = expect(expect(root[1], _CONTEXT_0, "content")[0], _SEQUENCE, "SignedData")
    inner = expect(signed[2], _SEQUENCE, "encapContentInfo")
    if object_id(inner[0]) != _TST_INFO:
        raise NotAsExpected("not a time-stamp token")
    return read_der(octets(expect(inner[1], _CONTEXT_0, "eContent")[0]))


def _statement(info: Node) -> Stamp:
    parts = expect(info, _SEQUENCE, "TSTInfo").children
    if len(parts) < 5:
        raise NotAsExpected(f"TSTInfo of {len(parts)} elements")
    integer(parts[0])
    object_id(parts[1])
    imprint = expect(parts[2], _SEQUENCE, "messageImprint")
    algorithm = object_id(expect(imprint[0], _SEQUENCE, "hashAlgorithm")[0])
    integer(parts[3])
    written = expect(parts[4], _GENERAL_TIME, "genTime").content.decode("ascii", errors="replace")
    _check_rest(parts[5:])
    try:
        moment = read_moment(written)
    except ValueError as error:
        raise NotAsExpected(str(error)) from error
    if not written.endswith("Z") or moment.flags:
        raise NotAsExpected("a moment that is not in UTC")
    nonce = next((integer(part) for part in parts[5:] if part.tag == _INTEGER), None)
    return Stamp(_DIGESTS.get(algorithm, algorithm), octets(imprint[1]), moment, nonce)


def _check_rest(parts: tuple[Node, ...]) -> None:
    """What may follow the moment, in this order and once: accuracy, ordering, nonce, name of the authority, extensions.

    An extension that is critical would change what the token means. Raises `NotAsExpected`.
    """
    places = [_REST.index(part.tag) if part.tag in _REST else -1 for part in parts]
    if -1 in places or places != sorted(set(places)):
        raise NotAsExpected("a TSTInfo with elements that it does not have")
    for part in parts:
        if part.tag != _CONTEXT_1:
            continue
        for extension in part.children:
            middle = expect(extension, _SEQUENCE, "an extension").children[1:-1]
            if any(boolean(one) for one in middle):
                raise NotAsExpected("a time-stamp with a critical extension")


_REST = (_SEQUENCE, _BOOLEAN, _INTEGER, _CONTEXT_0, _CONTEXT_1)
