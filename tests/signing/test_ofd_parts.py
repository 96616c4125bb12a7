"""What an OFD may have beside a seal and a document: locks, versions, an integrity list, plain signatures, several of
them; each as it should be, and as it should not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sealing as s

from schemas.verification import Outcome, Report
from signing import verify_document
from signing.trust import TrustStore

TRUST = TrustStore(
    signers=(s.ROOT.certificate,),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    crls=s.LISTS,
)
LIST = "Doc_0/Signs/Signatures.xml"
PAGE = "Doc_0/Pages/Page_0/Content.xml"
FORGED = s.page("保险费合计：92,800.00 元")
Parts = dict[str, bytes]


def judge(parts: Parts) -> Report:
    return verify_document(s.package(parts), trust=TRUST, at=s.AT)


def locked(*after: s.Signing) -> Parts:
    """A document whose signature covers the signature list too; `after` are signatures that were added all the same."""
    signing = s.Signing(covered=(*s.content(), LIST))
    parts = s.sealed(signing, parts={**s.content(), LIST: s.signature_list([signing])})
    for one in after:
        one.add(parts)
    return {**parts, LIST: s.signature_list([signing, *after])} if after else parts


def test_a_lock_holds() -> None:
    report = judge(locked())
    assert report.failing() == ()
    assert report.seals[0].flags == ("covers-signature-list",)


def test_nothing_is_signed_after_a_lock() -> None:
    second = s.Signing(s.PlainSignature(signer=s.OTHER), folder="Sign_1", id="2", uncovered=frozenset({LIST}))
    report = judge(locked(second))
    assert (report.outcome, report.failing()) == (Outcome.FAILED, ("signature.reference-digests",))
    relisted = {**locked(), LIST: locked()[LIST].replace(b"<ofd:MaxSignId>1<", b"<ofd:MaxSignId>2<")}
    assert judge(relisted).failing() == ("signature.reference-digests",)


def versioned(root: str = "/Doc_0/Document.xml", current: str = "true", more: str = "", **signing: object) -> Parts:
    """A document with a version list, sealed as `signing` says."""
    versions = (
        f'<ofd:Versions><ofd:Version ID="v1" Index="1" Current="{current}" BaseLoc="Doc_0/Versions/V1.xml"/>{more}'
        "</ofd:Versions>"
    )
    files = f'<ofd:FileList><ofd:File ID="1">/{PAGE}</ofd:File></ofd:FileList><ofd:DocRoot>{root}</ofd:DocRoot>'
    parts = {
        **s.content(),
        "OFD.xml": s.ofd_xml(extra=versions),
        "Doc_0/Versions/V1.xml": s.xml("DocVersion", files, ' ID="v1" Version="1"'),
        "Doc_0/Document_1.xml": s.xml("Document", s.DOCUMENT.replace("Page_0", "Page_1")),
        "Doc_0/Pages/Page_1/Content.xml": FORGED,
    }
    return s.sealed(s.Signing(**signing), parts=parts)  # type: ignore[arg-type]


def test_versions_that_are_sealed_and_lead_where_the_root_leads() -> None:
    report = judge(versioned())
    assert report.failing() == ()
    assert report.seals[0].coverage == "whole"


@pytest.mark.parametrize(
    "parts",
    [
        versioned(root="/Doc_0/Document_1.xml"),
        versioned(root="/Doc_0/Nothing.xml"),
        versioned(current="false"),
        versioned(current="yes"),
        versioned(more='<ofd:Version ID="v2" Index="2" Current="true" BaseLoc="Doc_0/Versions/V1.xml"/>'),
        {**versioned(), "Doc_0/Versions/V1.xml": b"<a/>"},
    ],
)
def test_versions_that_leave_a_choice(parts: Parts) -> None:
    """Sealed or not: nobody can say what was shown to whom."""
    report = judge(parts)
    assert report.outcome is Outcome.FAILED
    assert "document.root" in report.failing()


@pytest.mark.parametrize("name", ["OFD.xml", "Doc_0/Versions/V1.xml"])
def test_versions_that_are_not_sealed(name: str) -> None:
    report = judge(versioned(uncovered=frozenset({name})))
    assert (report.outcome, report.failing()) == (Outcome.FAILED, ("signature.coverage",))
    assert report.seals[0].coverage == "unsafe"


def with_list(
    parts: Parts,
    names: Callable[[list[str]], list[str]] = lambda names: names,
    value: Callable[[bytes], bytes] = s.PlainSignature().build,
    written: Callable[[bytes], bytes] = lambda entries: entries,
) -> Parts:
    """The package with an integrity list of GM/T 0099, made before the signatures were added."""
    listed = names([name for name in parts if "/Signs/" not in name])
    files = "".join(f'<ofd:File ID="{number}" FileLoc="/{name}"/>' for number, name in enumerate(listed, 2))
    body = f"<ofd:SignedValueLoc>/signedvalue.dat</ofd:SignedValueLoc><ofd:FileList>{files}</ofd:FileList>"
    entries = s.xml("DocEntries", body, ' ID="1" CreatorName="vector" CreationDate="2026-03-01"')
    return {**parts, "OFDEntries.xml": written(entries), "signedvalue.dat": value(entries)}


def test_an_integrity_list_that_agrees() -> None:
    assert judge(with_list(s.sealed())).failing() == ()
    whole = with_list(s.sealed(), names=lambda names: [*names, LIST, "Doc_0/Signs/Sign_0/Signature.xml"])
    assert judge(whole).failing() == (), "signatures may be in it or not: they are added later"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (with_list(s.sealed(), names=lambda names: names[1:]), "entries-differ"),
        (with_list(s.sealed(), names=lambda names: [*names, names[0]]), "entries-differ"),
        (with_list(s.sealed(), names=lambda names: [*names, "Doc_0/gone.xml"]), "entry-list-malformed"),
        (
            with_list(s.sealed(), value=lambda entries: s.PlainSignature().build(entries + b" ")),
            "entry-list-not-signed",
        ),
        (with_list(s.sealed(), written=lambda entries: entries + b"\n"), "entry-list-not-signed"),
        (with_list(s.sealed(), value=lambda _: b"junk"), "entry-list-malformed"),
        (with_list(s.sealed(), value=s.PlainSignature(repeat=0).build), "entry-list-not-signed"),
        (with_list(s.sealed(), written=lambda _: s.xml("DocEntries", "<ofd:FileList/>")), "entry-list-unsigned"),
    ],
)
def test_an_integrity_list_that_does_not(parts: Parts, reason: str) -> None:
    report = judge(parts)
    assert report.outcome is Outcome.FAILED
    assert [check.reason for check in report.checks if check.rule == "document.entry-list"] == [reason]


def test_an_integrity_list_is_no_seal() -> None:
    bare = {name: data for name, data in s.content().items() if name != "OFD.xml"}
    unsigned = s.ofd_xml().replace(b"<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures>", b"")
    report = judge(with_list({**bare, "OFD.xml": unsigned}))
    assert (report.outcome, report.reason) == (Outcome.FAILED, "not-signed")
    parts = with_list(s.sealed())
    parts[PAGE] = FORGED
    assert judge(parts).failing() == ("signature.reference-digests",)


def test_a_plain_signature() -> None:
    plain = s.Signing(s.PlainSignature())
    report = judge(s.sealed(plain))
    assert report.failing() == ()
    assert (report.seals[0].seal, report.seals[0].format) == (None, "GB/T 35275-2017")
    for kind in ("Seal", "sign", "Other"):
        assert judge(s.sealed(replace(plain, kind=kind))).failing() == ("signature.kind",)
    other = judge(s.sealed(s.Signing(s.PlainSignature(signer=replace(s.SIGNER, key="thief", serial=0x1900)))))
    assert other.failing() == (), "another key that the same authority certified"
    size = len(s.SIGNER.certificate)
    thieves = (replace(s.SIGNER, key=f"thief {number}") for number in range(99))
    stolen = next(one for one in thieves if len(one.certificate) == size)
    value = s.PlainSignature(signer=stolen)
    parts = s.sealed(s.Signing(value))
    path = "Doc_0/Signs/Sign_0/SignedValue.dat"
    parts[path] = parts[path].replace(stolen.certificate, s.SIGNER.certificate)
    assert "signature.value" in judge(parts).failing()
    assert judge({**s.sealed(plain), PAGE: FORGED}).failing() == ("signature.reference-digests",)


def test_several_signatures_all_hold_or_none_does() -> None:
    first = s.Signing()
    second = s.Signing(s.PlainSignature(signer=s.OTHER), folder="Sign_1", id="2")
    third = s.Signing(s.PlainSignature(), folder="Sign_2", id="s003")
    parts = s.sealed(first, second, third)
    report = judge(parts)
    assert report.failing() == ()
    assert [seal.id for seal in report.seals] == ["1", "2", "s003"]
    path = "Doc_0/Signs/Sign_1/SignedValue.dat"
    broken = judge({**parts, path: s.PlainSignature(signer=s.OTHER).build(b"other")})
    assert broken.outcome is Outcome.FAILED
    assert [seal.integrity for seal in broken.seals] == ["passed", "failed", "passed"]
