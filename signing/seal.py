"""What every container yields: one signature with what it signs, who signed, when, and under which electronic seal.

Containers read; checks judge. Nothing here has been believed yet: a `Seal` is what a stranger's bytes say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from signing.kept import few

CHINA = timedelta(hours=8)  # Asia/Shanghai has had no other offset since 1991


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written, and the instant that this means.

    Where the text leaves its zone or century open, `readings` holds each instant that it may mean; `utc` is the one
    that producers of that spelling mean. A range check must hold for all readings.
    """

    raw: str
    utc: datetime
    readings: tuple[datetime, ...]
    flags: tuple[str, ...] = ()

    @property
    def earliest(self) -> datetime:
        """The earliest instant that the text may mean."""
        return min(self.readings)

    @property
    def latest(self) -> datetime:
        """The latest instant that the text may mean."""
        return max(self.readings)

    def text(self) -> str:
        """The instant in RFC 3339, UTC."""
        return rfc3339(self.utc)


@dataclass(frozen=True, slots=True)
class Bits:
    """The octets of a BIT STRING (or OCTET STRING), and how many bits of the last octet it calls unused."""

    octets: bytes
    unused: int = 0
    trimmable: bool = False
    """Whether a producer may have cut trailing zero bits off: true for a BIT STRING only."""


@dataclass(frozen=True, slots=True)
class Defect:
    """Something that the standard does not allow but that did not stop the reading."""

    rule: str
    reason: str
    facts: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Extension:
    """One ExtData of a seal: the identifier as text if it is one, else in hex, and whether it is critical."""

    name: str
    critical: bool


@dataclass(frozen=True, slots=True)
class ElectronicSeal:
    """An electronic seal 电子印章 (SESeal of GM/T 0031 and GB/T 38540): what its maker 制章人 signed.

    `signed` is the exact octets under the maker's signature, `raw` the whole seal, `token` a time-stamp on the maker's
    signature (version 5). Of `certificates` and `digests` one is empty: a seal lists its permitted signers either as
    certificates or as their digests.
    """

    raw: bytes
    family: str
    signed: bytes
    header: str
    version: int
    vendor: str
    id: str
    type: int
    name: str
    list_type: int | None
    certificates: tuple[bytes, ...]
    digests: tuple[tuple[str, bytes], ...]
    created: Moment | None
    valid_from: Moment | None
    valid_to: Moment | None
    picture_type: str
    picture_size: int
    width: int
    height: int
    extensions: tuple[Extension, ...]
    maker_certificate: bytes
    algorithm: str
    value: Bits
    token: bytes | None = None
    defects: tuple[Defect, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seal:
    """One signature, in the same shape from every container.

    `signed` is the exact octets under the signature; None if they are the content itself. `digest` is what they say of
    the content; None if they say nothing of it. `algorithm` is an object identifier, of a CMS with its parameters in
    `algorithm_octets`; `digest_algorithm` is a name.
    `embedded` is a content or its digest that a CMS carries inside; `has_attributes` tells its two forms apart.
    """

    container: str
    format: str
    algorithm: str
    digest_algorithm: str
    certificate: bytes | None
    signed: bytes | None
    digest: Bits | None
    value: Bits
    signed_at: Moment | None = None
    property_info: str | None = None
    seal: ElectronicSeal | None = None
    token: bytes | None = None
    embedded: bytes | None = None
    has_attributes: bool = False
    algorithm_octets: bytes = b""
    intermediates: tuple[bytes, ...] = ()
    defects: tuple[Defect, ...] = ()
    flags: tuple[str, ...] = ()


@few(1024)
def rfc3339(moment: datetime) -> str:
    """An instant as text in UTC, to the second or, if it has one, with its fraction."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def all_flags(*parts: Sequence[str]) -> tuple[str, ...]:
    """Each flag once, sorted: the order of reading is no promise."""
    return tuple(sorted({flag for part in parts for flag in part}))
