"""Whom a certificate names, as far as that can be judged without knowing whom to expect."""

from schemas.verification import Check, failed, passed
from signing.certificate import what_is_stated
from signing.names import lookalike
from signing.trust import Purpose

_NAMED = frozenset({Purpose.document_signing, Purpose.seal_making, Purpose.xml_signing})


def check_identity(certificate: bytes, purpose: Purpose) -> Check | None:
    """GB 32100-2015 section 4.5, GB/T 20518: a code that is stated is one, and a name reads as it is.

    None for purposes in which nobody goes by the name. Whether it is the right holder is asked by whoever knows whom to
    expect (`TrustStore.owners_of`).
    """
    if purpose not in _NAMED:
        return None
    rule, stated = "certificate.identity", what_is_stated(certificate)
    if stated.wrong_codes:
        return failed(rule, "credit-code-wrong", codes=list(stated.wrong_codes[:4]))
    for name in stated.names:
        if (character := lookalike(name)) is not None:
            return failed(rule, "name-misleading", name=name[:200], character=character)
    return passed(rule, codes=list(stated.codes[:4]))
