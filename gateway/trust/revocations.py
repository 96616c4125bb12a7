"""What revocation lists and OCSP responses say of themselves, who signed them, and whether they are fresh.

RFC 5280 section 5 and RFC 6960. Whether a certificate is revoked is the judge's question (`signing.revocation`); here
it is whether there will be an answer.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from signing.asn1 import octets_of
from signing.certificate import BadCertificate, name_text
from signing.checks.paths import SIGNATURES, Link
from signing.revocation import NONSENSE, BadRevocationData, parse_crl, parse_ocsp
from signing.sm2 import sm3
from signing.trust import Policy
from untrusted import Refused, read_der

Freshness = Literal["fresh", "stale", "too-old", "not-yet", "no-next-update"]
_OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
HASHES: dict[str, Callable[[bytes], bytes]] = {
    "1.3.14.3.2.26": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),  # a name, no proof
    "2.16.840.1.101.3.4.2.1": lambda content: hashlib.sha256(content).digest(),
    "1.2.156.10197.1.401": sm3,
}


class NotSigned(Exception):
    """No known authority stands behind the data: `reason` is `issuer-unknown`, `may-not-sign` or `bad-signature`."""

    def __init__(self, reason: str, issuer: str) -> None:
        super().__init__(f"{reason}: {issuer}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ListFacts:
    """A revocation list: its issuer's name, number, times, how many entries, and whether it tells only of changes."""

    issuer: str
    number: int | None
    this_update: datetime
    next_update: datetime | None
    entries: int
    delta: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an OCSP response: of which certificate it speaks, what it says, and when."""

    serial: int
    hash_oid: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    status: str
    this_update: datetime
    next_update: datetime | None

    def is_about(self, issuer: Link, serial: int) -> bool:
        """The answer is about the certificate of that number by that issuer (RFC 6960 section 4.1.1)."""
        digest = HASHES.get(self.hash_oid)
        if digest is None or self.serial != serial:
            return False
        return self.issuer_name_hash == digest(subject_der(issuer)) and self.issuer_key_hash == digest(key_bits(issuer))


def list_facts(der: bytes) -> ListFacts:
    """The facts of a list. Raises `BadRevocationData`, also where an extension makes no sense."""
    found = parse_crl(der)
    parsed = found.parsed
    try:
        number, signed = parsed.crl_number_value, parsed["tbs_cert_list"]
        return ListFacts(
            issuer=name_text(read_der(signed["issuer"].dump())),
            number=number.native if number is not None else None,
            this_update=found.this_update,
            next_update=found.next_update,
            entries=len(signed["revoked_certificates"]),
            delta=parsed.delta_crl_indicator_value is not None,
        )
    except NONSENSE as error:
        raise BadRevocationData(str(error).partition("\n")[0]) from error
    except Refused as refused:
        raise BadRevocationData(f"{refused.rule}: {refused.detail}") from refused


def list_scope(der: bytes, signer: Link) -> str:
    """Equal for lists of which the later takes the place of the earlier, in hex.

    Same issuer, key and distribution point, and both complete or both deltas (RFC 5280 section 5.2). The key is the one
    that signed, not the one that an extension names.
    """
    parsed = parse_crl(der).parsed
    point = parsed.issuing_distribution_point_value
    parts = (
        parsed["tbs_cert_list"]["issuer"].dump(),
        signer.spki,
        octets_of(point) if point is not None else b"",
        b"delta" if parsed.delta_crl_indicator_value is not None else b"",
    )
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def answers(der: bytes) -> tuple[Answer, ...]:
    """The answers of a response; none if it is not a successful one. Raises `BadRevocationData`."""
    try:
        basic = _basic(der)
        return () if basic is None else tuple(_answer(one) for one in basic["tbs_response_data"]["responses"])
    except NONSENSE as error:
        raise BadRevocationData(str(error).partition("\n")[0]) from error


def list_signer(der: bytes, known: Sequence[Link]) -> Link:
    """The authority among `known` that signed the list (RFC 5280 section 6.3.3 f and g). Raises `NotSigned`."""
    found = parse_crl(der)
    signed, value = found.parsed["tbs_cert_list"], found.parsed["signature"].native
    issuer = name_text(read_der(signed["issuer"].dump()))
    named = [link for link in known if link.subject == found.issuer]
    able = [link for link in named if _may_sign_lists(link)]
    for link in able:
        if SIGNATURES.holds(value, signed.dump(), link.spki, found.parsed["signature_algorithm"]):
            return link
    raise NotSigned("bad-signature" if able else "may-not-sign" if named else "issuer-unknown", issuer)


def response_signer(der: bytes, known: Sequence[Link], at: datetime) -> Link:
    """The authority that issued every certificate that the response is about, itself or by its delegate the signer.

    RFC 6960 section 4.2.2.2: the delegate is certified by that very authority, for OCSP signing, and valid at `at`.
    Raises `NotSigned`.
    """
    try:
        basic = _basic(der)
        about = answers(der)
        issuers = [link for link in known if about and all(one.is_about(link, one.serial) for one in about)]
        if basic is None or not issuers:
            raise NotSigned("issuer-unknown", "")
        signed, value = octets_of(basic["tbs_response_data"]), basic["signature"].native
        for issuer in issuers:
            delegates = [
                link
                for link in (Link.of(one.dump()) for one in basic["certs"] or ())
                if _is_delegate(link, issuer, at) and link != issuer
            ]
            for signer in (issuer, *delegates):
                if SIGNATURES.holds(value, signed, signer.spki, basic["signature_algorithm"]):
                    return issuer
    except (BadCertificate, *NONSENSE) as error:
        raise NotSigned("bad-signature", str(error).partition("\n")[0]) from error
    raise NotSigned("bad-signature", "")


def freshness(
    this_update: datetime,
    next_update: datetime | None,
    at: datetime,
    *,
    skew: timedelta = timedelta(0),
    max_age: timedelta | None = None,
) -> Freshness:
    """Whether data of these times decide anything at `at`, as the judge takes it; `max_age` is for lists alone."""
    if this_update > at + skew:
        return "not-yet"
    if next_update is None:
        return "no-next-update"
    if next_update < at - skew:
        return "stale"
    if max_age is not None and at - this_update > max_age + skew:
        return "too-old"
    return "fresh"


def oldest(policy: Policy) -> timedelta | None:
    """How old a list may be under the policy, besides its own nextUpdate; None if it does not say."""
    return timedelta(hours=policy.crl_max_age_hours) if policy.crl_max_age_hours else None


def subject_der(link: Link) -> bytes:
    """The subject's name as it stands in the certificate."""
    return bytes(link.parsed["tbs_certificate"]["subject"].dump())


def key_bits(link: Link) -> bytes:
    """The octets of the public key, without its algorithm: what an OCSP request names an issuer by."""
    return read_der(link.spki)[1].bit_string()


def _basic(der: bytes) -> Any:
    parsed = parse_ocsp(der)
    if parsed["response_status"].native != "successful":
        return None
    return parsed["response_bytes"]["response"].parsed


def _answer(one: Any) -> Answer:
    about = one["cert_id"]
    return Answer(
        serial=about["serial_number"].native,
        hash_oid=about["hash_algorithm"]["algorithm"].dotted,
        issuer_name_hash=about["issuer_name_hash"].native,
        issuer_key_hash=about["issuer_key_hash"].native,
        status=one["cert_status"].name,
        this_update=one["this_update"].native,
        next_update=one["next_update"].native,
    )


def _may_sign_lists(link: Link) -> bool:
    usage = link.parsed.key_usage_value
    return bool(link.parsed.ca) if usage is None else "crl_sign" in usage.native


def _is_delegate(link: Link, issuer: Link, at: datetime) -> bool:
    purposes = link.parsed.extended_key_usage_value
    validity = link.parsed["tbs_certificate"]["validity"]
    return (
        purposes is not None
        and _OCSP_SIGNING in {purpose.dotted for purpose in purposes}
        and validity["not_before"].native <= at <= validity["not_after"].native
        and issuer.may_have_issued(link)
        and issuer.signed(link)
    )
