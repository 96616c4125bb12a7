"""Who may answer for an authority (RFC 6960 section 4.2.2.2, GM/T 0014): decided before the library hears of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko_certvalidator.policy_decl import NonRevokedStatusAssertion

from signing.asn1 import MALFORMED
from signing.certificate import BadCertificate
from signing.checks.paths import Link

# What the library is known to raise on data that parsed but makes no sense.
NONSENSE = (*MALFORMED, AssertionError, NotImplementedError, InvalidSignature, UnsupportedAlgorithm)
# RFC 6960 section 4.1.1, GM/T 0014. SHA-1 only tells which certificate is meant: the response is signed.
_CERT_ID_DIGESTS = frozenset({"sha1", "sha256", "sm3"})


def is_authority(link: Link) -> bool:
    """Whether the certificate is one of an authority that may sign certificates."""
    usage = link.parsed.key_usage_value
    return bool(link.parsed.ca) and (usage is None or "key_cert_sign" in usage.native)


def names_known(response: Any, known: Sequence[Link]) -> bool:
    """Each certificate inside of the response is one of those known, or signed by an authority among them.

    A response that names issuers by a digest that is none of ours, or asks for more than is understood, names nobody.
    """
    try:
        basic = _basic(response)
        if not all(_understood(one) for one in basic["tbs_response_data"]["responses"]):
            return False
        inside = [Link.of(certificate.dump()) for certificate in basic["certs"] or ()]
    except (BadCertificate, *NONSENSE):
        return False
    return all(
        any(link == one or (is_authority(one) and one.may_have_issued(link) and one.signed(link)) for one in known)
        for link in inside
    )


def never_checked(known: Sequence[Link], responses: Sequence[Any], moment: datetime) -> list[NonRevokedStatusAssertion]:
    """RFC 6960 section 4.2.2.2.1: of these responders nobody need ask whether they were revoked.

    Only of responders: their own extended key usage says what they are, and the library asks it of each.
    """
    inside = (one for response in responses for one in _basic(response)["certs"] or ())
    return [
        NonRevokedStatusAssertion(one.sha256, moment)
        for one in (*(link.parsed for link in known), *inside)
        if one.never_checked and not one.ca and "ocsp_signing" in _purposes(one)
    ]


def _purposes(certificate: Any) -> frozenset[str]:
    usages = certificate.extended_key_usage_value
    return frozenset() if usages is None else frozenset(usages.native)


def certificates_in(response: Any) -> tuple[bytes, ...]:
    """The certificates that a response carries along."""
    return tuple(one.dump() for one in _basic(response)["certs"] or ())


def response_periods(response: Any) -> list[tuple[datetime, datetime | None]]:
    """When each answer of a response was given, and until when it is current; none of a response that is an error."""
    if response["response_status"].native != "successful":
        return []
    answers = _basic(response)["tbs_response_data"]["responses"]
    return [(one["this_update"].native, one["next_update"].native) for one in answers]


def calls_good(response: Any) -> bool:
    """Whether every answer of a response is that its certificate is good."""
    return all(one["cert_status"].name == "good" for one in _basic(response)["tbs_response_data"]["responses"])


def _basic(response: Any) -> Any:
    return response["response_bytes"]["response"].parsed


def _understood(single: Any) -> bool:
    """One answer of a response: the digest in its CertID is known, and no extension of it is critical."""
    digest = single["cert_id"]["hash_algorithm"]["algorithm"].native
    return digest in _CERT_ID_DIGESTS and not any(one["critical"].native for one in single["single_extensions"] or ())
