"""XML signatures (W3C XML-DSig): found and named, not judged yet, and so never a pass."""

from datetime import datetime

from schemas.verification import Check, SealReport, failed, passed, unknown
from signing.errors import Unreadable
from signing.judge import Place, unreadable_seal
from signing.trust import TrustStore
from untrusted import Refused, read_xml

_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_MOST = 64


def judge(data: bytes, *, trust: TrustStore, at: datetime) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    """One report of an unsupported signature for each that stands in the document. Raises `Unreadable`."""
    del trust, at  # nothing is judged that would rest on them
    try:
        root = read_xml(data)
    except Refused as refused:
        raise Unreadable(refused.rule, refused.detail, refused.where) from refused
    found = [element.get("Id") or str(number) for number, element in enumerate(root.iter(_SIGNATURE), 1)]
    if not found:
        return (failed("document.signed", "not-signed"),), ()
    unjudged = unknown("signature.kind", "xml-unsupported")
    reports = tuple(unreadable_seal(Place(ident[:80], "xml", "unsafe"), unjudged) for ident in found[:_MOST])
    return (passed("document.signed", signatures=len(found)),), reports
