"""What a time-stamp on a signature proves (GB/T 20520, RFC 3161)."""

import hashlib
from collections.abc import Callable

from schemas.verification import Check, failed, passed, unknown
from signing.containers.der import NotAsExpected
from signing.containers.tst import Stamp, read_stamp
from signing.seal import Seal
from signing.sm2 import sm3

_HASHES: dict[str, Callable[[bytes], bytes]] = {
    "sm3": sm3,
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
}


def check_timestamp(seal: Seal, content: bytes | None) -> tuple[Check, ...]:
    """The token is one over this signature; who issued it is not judged here, so that it proves no moment."""
    assert seal.token is not None, "only a signature with a token is asked"
    try:
        stamp = read_stamp(seal.token)
    except NotAsExpected as error:
        return (failed("timestamp.imprint", "token-malformed", detail=str(error)),)
    imprint = _check_imprint(seal, stamp, content)
    return imprint, unknown("timestamp.trust", "timestamp-not-judged", moment=stamp.moment.text())


def _check_imprint(seal: Seal, stamp: Stamp, content: bytes | None) -> Check:
    """RFC 3161 section 2.4.2, RFC 5652 annex A of RFC 3161: the imprint is the digest of the signature value.

    The token of a GM/T 0031-2014 signature stands under the signature and cannot be over it: there it is over the
    content.
    """
    rule = "timestamp.imprint"
    digest = _HASHES.get(stamp.digest_algorithm)
    if digest is None:
        return failed(rule, "digest-unknown", digest=stamp.digest_algorithm)
    candidates = [digest(seal.value.octets)]
    if seal.format == "GM/T 0031-2014":
        candidates = [seal.digest.octets] if seal.digest else []
        candidates += [digest(content)] if content is not None else []
    if stamp.imprint not in candidates:
        return failed(rule, "imprint-mismatch", imprint=stamp.imprint.hex())
    return passed(rule, algorithm=stamp.digest_algorithm)
