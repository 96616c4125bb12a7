"""What a verdict needs of a certificate besides its path: the key, the period, and what the key is for.

Read from the raw bytes, since real certificates carry names that strict libraries refuse; the strict reading is part
of path building (`signing.checks.certificate`).
"""

from dataclasses import dataclass

from signing.certificate import LARGEST_CERTIFICATE, BadCertificate
from signing.kept import kept
from signing.moments import read_moment
from signing.seal import Moment
from untrusted import Node, Refused, read_der

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERAL_TIME = 0x17, 0x18


@dataclass(frozen=True, slots=True)
class Holder:
    """The key (SPKI in DER) of a certificate, and from when till when it is valid."""

    spki: bytes
    not_before: Moment
    not_after: Moment


def read_holder(certificate: bytes) -> Holder:
    """Key and period of a certificate (RFC 5280 section 4.1.2). Raises `BadCertificate`."""
    if len(certificate) > LARGEST_CERTIFICATE:
        raise BadCertificate("the certificate is larger than 64 KiB")
    return _read(certificate)


@kept(1024, 4 << 20)
def _read(certificate: bytes) -> Holder:
    try:
        signed = read_der(certificate)[0].children
        start = 1 if signed and signed[0].tag == _VERSION else 0
        if len(signed) < start + 6 or signed[start + 3].tag != _SEQUENCE:
            raise BadCertificate("not a certificate")
        period, key = signed[start + 3], signed[start + 5]
        return Holder(key.raw, _time(period[0]), _time(period[1]))
    except Refused as error:
        raise BadCertificate(f"{error.rule}: {error.detail}") from error
    except ValueError as error:
        raise BadCertificate(str(error)) from error


def _time(node: Node) -> Moment:
    if node.tag not in (_UTC_TIME, _GENERAL_TIME):
        raise BadCertificate("a period without times")
    return read_moment(node.content.decode("ascii", errors="replace"), two_digit_year=node.tag == _UTC_TIME)
