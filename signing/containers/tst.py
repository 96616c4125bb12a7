"""Time-stamp tokens (RFC 3161, GB/T 20520): what a token says it is a stamp of, and when. Nothing is believed here."""

from dataclasses import dataclass

from signing.containers.cms import SIGNED_DATA
from signing.containers.der import NotAsExpected, expect, integer, object_id, octets
from signing.moments import read_moment
from signing.seal import Moment
from untrusted import Node, Refused, read_der

_SEQUENCE, _OID, _INTEGER, _GENERAL_TIME, _CONTEXT_0 = 0x30, 0x06, 0x02, 0x18, 0xA0
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_GRANTED = (0, 1)  # granted, granted with modifications
_DIGESTS = {"1.2.156.10197.1.401": "sm3", "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.3": "sha512"}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token states: the digest of what it stamps, and the moment."""

    digest_algorithm: str
    imprint: bytes
    moment: Moment


def read_stamp(data: bytes) -> Stamp:
    """The statement of a token, or of the response that wraps a granted one. Raises `NotAsExpected`."""
    try:
        root = read_der(data, limits=SIGNED_DATA)
        if root.tag == _SEQUENCE and root.children and root.children[0].tag == _SEQUENCE:
            status = integer(root[0][0])
            if status not in _GRANTED:
                raise NotAsExpected("a time-stamp response that grants nothing")
            root = root[1]
        return _statement(_content(root))
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
    algorithm = object_id(expect(parts[2], _SEQUENCE, "messageImprint")[0][0])
    written = expect(parts[4], _GENERAL_TIME, "genTime").content.decode("ascii", errors="replace")
    try:
        moment = read_moment(written)
    except ValueError as error:
        raise NotAsExpected(str(error)) from error
    return Stamp(_DIGESTS.get(algorithm, algorithm), octets(parts[2][1]), moment)
