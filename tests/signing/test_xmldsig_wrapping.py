"""Signature wrapping: whatever is put around, beside or into a signed document, nobody is given it as signed.

The eight classical shapes (Somorovsky and others, "On Breaking SAML", 2012), on a policy; in each an attacker keeps the
signed part as it was and shows another premium where a reader would look.
"""

import authority as a
import pytest
import xml_maker as m

from schemas.verification import Outcome, Report
from signing.containers.xmldsig import signed_content
from signing.verify import verify_document

SIGNED = m.POLICY
EVIL = SIGNED.replace("12800.00", "1.00")
EVIL_OTHER = EVIL.replace('Id="p"', 'Id="e"')
END = m.END
# The same policy signed in three ways: by its Id from inside, by its Id from beside, and as the whole document.
INSIDE = m.Plan().sign(m.Ref(SIGNED.encode(), uri="#p"))
BESIDE = m.Plan().sign(m.Ref(SIGNED.encode(), uri="#p", steps=(m.EXCLUSIVE,)))
WHOLE = m.Plan().sign(m.Ref(SIGNED.encode()))


def within(document: str, *parts: str) -> str:
    return document.replace(END, "".join(parts) + END)


def carrying(signature: str, content: str) -> str:
    return signature.replace("</ds:Signature>", f"<ds:Object>{content}</ds:Object></ds:Signature>")


WRAPPED = {
    "1 evil root, signature in it carries the original": within(EVIL_OTHER, carrying(BESIDE, SIGNED)),
    "1 the same with the enveloped transform": within(EVIL_OTHER, carrying(INSIDE, SIGNED)),
    "2 evil root, original beside the signature": within(EVIL_OTHER, SIGNED, BESIDE),
    "2 signature before the original": within(EVIL_OTHER, BESIDE, SIGNED),
    "3 evil before the original": f"<Msg>{EVIL_OTHER}{within(SIGNED, INSIDE)}</Msg>",
    "3 evil behind the original": f"<Msg>{within(SIGNED, INSIDE)}{EVIL_OTHER}</Msg>",
    "4 original inside evil": within(EVIL_OTHER, within(SIGNED, INSIDE)),
    "5 both have the identifier, signature in evil": f"<Msg>{within(EVIL, INSIDE)}{SIGNED}</Msg>",
    "5 both have the identifier, signature in the original": f"<Msg>{EVIL}{within(SIGNED, INSIDE)}</Msg>",
    "6 both have the identifier, the signature carries the original": within(EVIL, carrying(BESIDE, SIGNED)),
    "7 evil in an extension of the original's parent": f"<Msg><Ext>{EVIL}</Ext>{within(SIGNED, INSIDE)}</Msg>",
    "7 with the identifier in another spelling": (
        f"<Msg><Ext>{EVIL.replace('Id=', 'ID=')}</Ext>{within(SIGNED, INSIDE)}</Msg>"
    ),
    "7 with xml:id": f"<Msg><Ext>{EVIL.replace('Id=', 'xml:id=')}</Ext>{within(SIGNED, INSIDE)}</Msg>",
    "8 the signature of the original carries evil": within(SIGNED, carrying(INSIDE, EVIL_OTHER)),
    "8 the same for the whole document": within(SIGNED, carrying(WHOLE, EVIL_OTHER)),
    "8 carried with the same identifier": within(SIGNED, carrying(INSIDE, EVIL)),
    "9 evil in KeyInfo": within(SIGNED, WHOLE.replace("<ds:KeyInfo>", f"<ds:KeyInfo>{EVIL_OTHER}")),
    "9 evil in X509Data": within(SIGNED, WHOLE.replace("<ds:X509Data>", f"<ds:X509Data>{EVIL_OTHER}")),
    "9 evil in SignatureValue": within(
        SIGNED, WHOLE.replace("<ds:SignatureValue>", f"<ds:SignatureValue>{EVIL_OTHER}")
    ),
    "9 evil in Signature": within(SIGNED, WHOLE.replace("</ds:Signature>", f"{EVIL_OTHER}</ds:Signature>")),
    "9 evil among unsigned properties": within(
        SIGNED,
        carrying(WHOLE, f'<x:QualifyingProperties xmlns:x="{m.XADES}">{EVIL_OTHER}</x:QualifyingProperties>'),
    ),
    "10 whole document moved into another": f"<Msg>{EVIL_OTHER}{within(SIGNED, WHOLE)}</Msg>",
    "10 whole document carried by a signature": carrying(WHOLE, within(SIGNED, WHOLE)),
    "11 a second signature that is the attacker's own": within(
        SIGNED, WHOLE, m.Plan("p256", ident="t").sign(m.Ref(within(SIGNED, WHOLE).encode()))
    ).replace("12800.00", "1.00"),
}


def judge(document: str) -> Report:
    return verify_document(document.encode(), trust=m.TRUST, at=a.AT)


@pytest.mark.parametrize("signature", [INSIDE, WHOLE])
def test_unwrapped_they_hold(signature: str) -> None:
    assert judge(within(SIGNED, signature)).outcome is Outcome.PASSED


def test_beside_it_holds_and_covers_a_part() -> None:
    report = judge(f"<Msg>{SIGNED}{BESIDE}</Msg>")
    assert (report.outcome, report.reason) == (Outcome.FAILED, "uncovered")
    assert (report.seals[0].integrity, report.seals[0].coverage) == ("passed", "partial")


@pytest.mark.parametrize("shape", WRAPPED)
def test_a_wrapped_document_does_not_pass_and_evil_is_never_given(shape: str) -> None:
    document = WRAPPED[shape]
    report = judge(document)
    assert report.outcome is not Outcome.PASSED
    for seal in report.seals:
        assert seal.integrity != "passed" or seal.coverage != "whole"
        if seal.integrity == "passed":
            assert signed_content(document.encode(), seal) == (SIGNED.encode(),)


@pytest.mark.parametrize("shape", [name for name in WRAPPED if name.startswith(("5", "6", "7 with", "8 carried"))])
def test_an_identifier_that_stands_twice_leads_nowhere(shape: str) -> None:
    assert "xml.references" in judge(WRAPPED[shape]).failing()


def test_prefixes_may_not_change_their_meaning_unseen() -> None:
    """Exclusive canonicalization leaves out a prefix that only a value uses: what was signed lacks it too."""
    body = '<Policy xmlns:xsi="urn:xsi" Id="p" xsi:type="v:Car"></Policy>'
    signature = m.Plan().sign(m.Ref(body.encode(), uri="#p"))
    for meaning in ("urn:one", "urn:other"):
        written = body.replace("<Policy ", f'<Policy xmlns:v="{meaning}" ').replace("></", f">{signature}</").encode()
        report = verify_document(written, trust=m.TRUST, at=a.AT)
        assert report.outcome is Outcome.PASSED
        assert signed_content(written, report.seals[0]) == (body.encode(),)


def test_text_is_not_cut_by_comments() -> None:
    """CVE-2017-11427 and its siblings: a comment in a signed text is not signed; the text is given whole."""
    document = within(SIGNED, WHOLE).replace("12800.00", "128<!--c-->00.00")
    report = judge(document)
    assert report.outcome is Outcome.PASSED
    assert signed_content(document.encode(), report.seals[0]) == (SIGNED.encode(),)
