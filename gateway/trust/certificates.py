"""What people ask of a certificate, and which certificates of a trust folder are authorities that it vouches for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from signing.algorithms import load_public_key
from signing.certificate import signer_identity
from signing.checks.chain import find_chains
from signing.checks.paths import Link
from signing.errors import UnusableKey
from signing.trust import Purpose, TrustStore


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Whom a certificate names, from when till when, with which key (`sm2`, `rsa 2048`, `unusable`)."""

    subject: str
    issuer: str
    serial: str
    sha256: str
    credit_code: str | None
    not_before: datetime
    not_after: datetime
    key: str
    authority: bool
    self_issued: bool


def certificate_facts(der: bytes) -> CertificateFacts:
    """The facts of a certificate in DER. Raises `BadCertificate`."""
    link = Link.of(der)
    who, (start, end) = signer_identity(der), period(link)
    try:
        usable = load_public_key(link.spki)
        key = f"rsa {usable.bits}" if usable.kind == "rsa" else usable.kind
    except UnusableKey:
        key = "unusable"
    return CertificateFacts(
        subject=who.subject,
        issuer=who.issuer,
        serial=who.serial,
        sha256=who.certificate_sha256 or "",
        credit_code=who.credit_code,
        not_before=start,
        not_after=end,
        key=key,
        authority=is_authority(link),
        self_issued=link.subject == link.issuer,
    )


def period(link: Link) -> tuple[datetime, datetime]:
    """The first and the last moment of a certificate's validity."""
    validity = link.parsed["tbs_certificate"]["validity"]
    return validity["not_before"].native, validity["not_after"].native


def is_authority(link: Link) -> bool:
    """The certificate may sign certificates; one of version 1 that names itself counts, as old roots do."""
    usage: Any = link.parsed.key_usage_value
    if link.parsed["tbs_certificate"]["version"].native == "v1":
        return link.subject == link.issuer
    return bool(link.parsed.ca) and (usage is None or "key_cert_sign" in usage.native)


def authorities(store: TrustStore) -> tuple[Link, ...]:
    """The anchors and intermediates that may certify: of the intermediates those that chain to an anchor."""
    anchors = store.anchors(Purpose.any)
    chained = [der for der in store.intermediates if find_chains(der, (), store, Purpose.any).paths]
    return tuple(link for link in _links((*anchors, *chained)) if is_authority(link))


def _links(ders: Iterable[bytes]) -> Iterable[Link]:
    return (Link.of(der) for der in dict.fromkeys(ders))
