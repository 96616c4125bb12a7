"""The electronic seal 电子印章 itself: its form, whom it permits to sign, and from when till when it is valid.

GM/T 0031-2014 section 6.1.2, GB/T 38540-2020 sections 6 and 7.3. Each function takes the seal that was read and
returns one check.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from schemas.verification import Check, Severity, failed, passed, unknown
from signing.certificate import BadCertificate
from signing.checks.integrity import from_defects
from signing.containers.ses import permits
from signing.holder import Holder, read_holder
from signing.kept import passed_again
from signing.names import lookalike
from signing.seal import Defect, ElectronicSeal, Moment, rfc3339

_PICTURES = frozenset({"PNG", "JPG", "JPEG", "GIF", "BMP", "SVG", "OFD"})
_WIDEST = 200  # millimetres
# From this day a seal may not outlive its signer's certificate (电子印章管理办法, 2025).
_NO_LONGER_THAN_CERTIFICATE = datetime(2025, 9, 26, 16, tzinfo=UTC)


def check_header(seal: ElectronicSeal) -> Check:
    """GB/T 38540 section 6.1.2: the header is marked `ES`."""
    facts: dict[str, Any] = {"header": seal.header[:20], "vendor": seal.vendor[:80], "version": seal.version}
    if seal.header != "ES":
        return failed("seal.header", "header-unknown", **facts)
    return passed("seal.header", **facts)


def check_name(seal: ElectronicSeal) -> Check:
    """The name of the seal is text that reads as it is: no NUL, no control characters, none that looks like another."""
    if (broken := from_defects(seal.defects, "seal.name")) is not None:
        return broken
    if (character := lookalike(seal.name)) is not None:
        return failed("seal.name", "name-misleading", name=seal.name[:200], character=character)
    return passed("seal.name", name=seal.name[:200])


def check_certificate_list(seal: ElectronicSeal) -> Check:
    """GB/T 38540 section 6.1.4: the permitted signers are certificates (1) or certificate digests (2)."""
    if (broken := from_defects(seal.defects, "seal.certificate-list")) is not None:
        return broken
    return passed("seal.certificate-list", type=seal.list_type, entries=len(seal.certificates) + len(seal.digests))


def check_extensions(seal: ElectronicSeal) -> Check:
    """GB/T 38540 section 6.1.6: an extension that is critical and not understood makes the seal unusable."""
    critical = [extension.name for extension in seal.extensions if extension.critical]
    if critical:
        return failed("seal.extensions", "critical-extension", extensions=critical[:10])
    return passed("seal.extensions", extensions=[extension.name for extension in seal.extensions][:10])


def check_picture(seal: ElectronicSeal) -> Check:
    """GB/T 38540 section 6.1.5: a picture of a known kind that fits a page. Decoration: it decides nothing."""
    facts: dict[str, Any] = {
        "type": seal.picture_type[:20],
        "width": seal.width,
        "height": seal.height,
        "bytes": seal.picture_size,
    }
    if seal.picture_type.upper().lstrip(".") not in _PICTURES:
        return failed("seal.picture", "picture-kind", severity=Severity.NOTICE, **facts)
    if not (1 <= seal.width <= _WIDEST and 1 <= seal.height <= _WIDEST):
        return failed("seal.picture", "picture-size", severity=Severity.NOTICE, **facts)
    return passed("seal.picture", severity=Severity.NOTICE, **facts)


def check_signer_listed(seal: ElectronicSeal, certificate: bytes | None) -> Check:
    """GB/T 38540 section 7.3: the signer's certificate is among those that the seal permits.

    This is what stops somebody's genuine seal from being used under another key.
    """
    if certificate is None:
        return failed("seal.signer-listed", "signer-not-listed")
    listed = permits(seal, certificate)
    if listed is None:
        return unknown("seal.signer-listed", "digest-unknown", kinds=[kind[:40] for kind, _ in seal.digests][:10])
    if not listed:
        return failed("seal.signer-listed", "signer-not-listed", entries=len(seal.certificates) + len(seal.digests))
    return passed("seal.signer-listed")


def check_copy(seal: ElectronicSeal, copy: bytes | None, defects: Iterable[Defect]) -> Check:
    """GB/T 38540 section 7.3: the seal file beside a signature is the seal inside it, byte for byte.

    `copy` None: there is no such file. A reader that shows the file would show a seal that nobody judged.
    """
    if (broken := from_defects(defects, "seal.copy")) is not None:
        return broken
    if copy is not None and copy != seal.raw:
        return failed("seal.copy", "seal-replaced", size=len(copy), signed_size=len(seal.raw))
    return passed_again("seal.copy", present=copy is not None)


def check_period(seal: ElectronicSeal, signed_at: Moment | None, at: datetime) -> Check:
    """GM/T 0031 section 6.2.3: the seal was valid when it was used; without that moment, it must be valid at `at`.

    Where a spelling of time leaves its zone open, the answer must be the same for every reading.
    """
    rule = "seal.period"
    if (broken := from_defects(seal.defects, rule)) is not None:
        return broken
    start, end = seal.valid_from, seal.valid_to
    if start is None or end is None:
        return failed(rule, "time-malformed")
    first, last = (signed_at.earliest, signed_at.latest) if signed_at else (at, at)
    facts: dict[str, Any] = {
        "valid_from": start.text(),
        "valid_to": end.text(),
        "signed_at": rfc3339(signed_at.utc if signed_at else at),
    }
    if end.utc < start.utc:
        return failed(rule, "period-reversed", **facts)
    if last < start.earliest:
        return failed(rule, "seal-not-yet-valid", **facts)
    if first > end.latest:
        return failed(rule, "seal-expired", **facts)
    if first < start.latest or last > end.earliest:
        return unknown(rule, "time-ambiguous", **facts)
    return passed(rule, **facts)


def check_current(seal: ElectronicSeal, known: datetime) -> Check:
    """A moment that is only claimed proves nothing about a seal that has expired since.

    `known` is when the signature is known to have existed.
    """
    rule = "seal.current"
    if seal.valid_to is None:
        return unknown(rule, "time-malformed")
    facts: dict[str, Any] = {"valid_to": seal.valid_to.text()}
    if known > seal.valid_to.earliest:
        return unknown(rule, "expired-without-time-proof", **facts)
    return passed_again(rule, **facts)


def check_created(seal: ElectronicSeal) -> Check:
    """The seal was made while its maker's certificate was valid. Old tax seals were not: told, but not decided on."""
    rule = "seal.created"
    maker = _holder(seal.maker_certificate)
    if seal.created is None or maker is None:
        return unknown(rule, "time-malformed", severity=Severity.NOTICE)
    facts: dict[str, Any] = {
        "created": seal.created.text(),
        "not_before": maker.not_before.text(),
        "not_after": maker.not_after.text(),
    }
    if seal.created.latest < maker.not_before.utc or seal.created.earliest > maker.not_after.utc:
        return failed(rule, "created-outside-maker-period", severity=Severity.NOTICE, **facts)
    return passed(rule, severity=Severity.NOTICE, **facts)


def check_outlives(seal: ElectronicSeal, certificate: bytes | None) -> Check:
    """电子印章管理办法 (2025): a seal does not outlive its signer's certificate; old seals are only told."""
    rule = "seal.outlives-signer"
    signer = _holder(certificate)
    old = seal.created is not None and seal.created.utc < _NO_LONGER_THAN_CERTIFICATE
    severity = Severity.NOTICE if old else Severity.ERROR
    if signer is None or seal.valid_to is None:
        return unknown(rule, "time-malformed", severity=severity)
    facts: dict[str, Any] = {"valid_to": seal.valid_to.text(), "not_after": signer.not_after.text()}
    if seal.valid_to.earliest > signer.not_after.utc:
        return failed(rule, "seal-outlives-signer", severity=severity, **facts)
    return passed(rule, severity=severity, **facts)


def _holder(certificate: bytes | None) -> Holder | None:
    if certificate is None:
        return None
    try:
        return read_holder(certificate)
    except BadCertificate:
        return None
