"""Attacks beside the signature: what is shown, or carried along, without being covered."""

from collections.abc import Iterator

from vector import Vector, failing, ofd, s

DIGESTS, COVERAGE, STOWAWAYS = "signature.reference-digests", "signature.coverage", "document.stowaways"


def coverage() -> Iterator[Vector]:
    for name, part in (
        ("template", "Doc_0/Tpls/Tpl_0/Content.xml"),
        ("image", "Doc_0/Res/logo.png"),
        ("attachment", "Doc_0/Attachs/policy.xml"),
        ("resources", "Doc_0/PublicRes.xml"),
        ("page", "Doc_0/Pages/Page_0/Content.xml"),
        ("document", "Doc_0/Document.xml"),
    ):
        signing = s.Signing(uncovered=frozenset({part}))
        yield failing(f"uncovered-{name}", "A6", f"{part} is shown but not covered.", ofd(signing), COVERAGE)
    loose = s.Signing(uncovered=frozenset({"OFD.xml"}))
    parts = s.sealed(loose)
    versions = (
        '<ofd:Versions><ofd:Version ID="1" Index="1" Current="true" BaseLoc="Doc_0/Versions/V1.xml"/></ofd:Versions>'
    )
    version = s.xml("DocVersion", "<ofd:FileList/><ofd:DocRoot>/Doc_0/Document_1.xml</ofd:DocRoot>", ' ID="1"')
    other = s.xml("Document", s.DOCUMENT.replace("Page_0", "Page_1"))
    forged = {"Doc_0/Document_1.xml": other, "Doc_0/Pages/Page_1/Content.xml": s.page("保险费合计：92,800.00 元")}
    yield failing(
        "version-added",
        "A7",
        "A version chain leads to a document that nobody sealed.",
        s.package({**parts, **forged, "Doc_0/Versions/V1.xml": version, "OFD.xml": s.ofd_xml(extra=versions)}),
        "document.root",
        COVERAGE,
    )
    yield failing(
        "root-switched",
        "A8",
        "DocRoot of an uncovered OFD.xml leads to another document.",
        s.package({**parts, **forged, "OFD.xml": s.ofd_xml("Doc_0/Document_1.xml")}),
        COVERAGE,
    )
    yield failing(
        "body-added",
        "A8",
        "An uncovered OFD.xml got a second document.",
        s.package({**parts, **forged, "OFD.xml": second_body()}),
        "document.root",
        "document.signatures",
        COVERAGE,
    )
    yield failing(
        "root-extended",
        "A8",
        "An uncovered OFD.xml says more than where the document is.",
        s.package({**parts, "OFD.xml": s.ofd_xml(extra="<ofd:Extra/>")}),
        COVERAGE,
    )
    annotated = s.xml("Document", s.DOCUMENT + "<ofd:Annotations>Annots/Annotations.xml</ofd:Annotations>")
    before = {**s.content(), "Doc_0/Document.xml": annotated}
    listed = s.xml("Annotations", '<ofd:Page PageID="1"><ofd:FileLoc>Page_0/Annotation.xml</ofd:FileLoc></ofd:Page>')
    drawn = {"Doc_0/Annots/Annotations.xml": listed, "Doc_0/Annots/Page_0/Annotation.xml": s.xml("PageAnnot", "")}
    yield failing(
        "annotation-added",
        "A6",
        "The sealed document names an annotation list that did not exist; it was added later.",
        s.package({**s.sealed(parts=before), **drawn}),
        COVERAGE,
    )
    yield failing(
        "stowaway",
        "A6",
        "A file that nobody covers is carried along.",
        s.package({**s.sealed(), "Doc_0/Attachs/bker_issuer_1.xml": b"<forged/>"}),
        STOWAWAYS,
    )
    yield failing(
        "relative-twin",
        "A4",
        "A file was added where a reader that resolves from the folder would find it first.",
        s.package({**s.sealed(), "Doc_0/Signs/Sign_0/Doc_0/Document.xml": s.xml("Document", "")}),
        "document.orphans",
    )
    yield failing(
        "orphan-signature",
        "A9",
        "The second signature was taken out of the list.",
        s.package({**both(), "Doc_0/Signs/Signatures.xml": s.signature_list([s.Signing()])}),
        "document.orphans",
    )
    yield failing(
        "list-empty",
        "A1",
        "The signature list is empty.",
        s.package({**s.sealed(), "Doc_0/Signs/Signatures.xml": s.signature_list([])}),
        "document.signatures",
        "document.signed",
    )
    yield failing(
        "not-signed",
        "A1",
        "A policy without any signature.",
        s.package(
            {
                **s.content(),
                "OFD.xml": s.ofd_xml().replace(b"<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures>", b""),
            }
        ),
        "document.signed",
    )
    yield failing(
        "listed-twice",
        "A9",
        "The same signature is listed twice.",
        s.package({**s.sealed(), "Doc_0/Signs/Signatures.xml": s.signature_list([s.Signing(), s.Signing(id="2")])}),
        "document.signatures",
    )
    lock = s.Signing(covered=(*s.content(), "Doc_0/Signs/Signatures.xml"))
    locked = s.sealed(lock, parts={**s.content(), "Doc_0/Signs/Signatures.xml": s.signature_list([lock])})
    second = s.Signing(
        s.PlainSignature(signer=s.OTHER), folder="Sign_1", id="2", uncovered=frozenset({"Doc_0/Signs/Signatures.xml"})
    )
    second.add(locked)
    locked["Doc_0/Signs/Signatures.xml"] = s.signature_list([lock, second])
    yield failing(
        "signed-after-lock", "A25", "A signature was added after one that covers the list.", s.package(locked), DIGESTS
    )


def second_body() -> bytes:
    text = s.ofd_xml().decode()
    body = text[text.index("<ofd:DocBody>") : text.index("</ofd:OFD>")]
    return text.replace(body, body + body.replace("Doc_0/Document.xml", "Doc_0/Document_1.xml")).encode()


def both() -> dict[str, bytes]:
    return s.sealed(s.Signing(), s.Signing(s.PlainSignature(signer=s.OTHER), folder="Sign_1", id="2"))
