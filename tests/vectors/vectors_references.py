"""Attacks on what a signature refers to."""

from collections.abc import Iterator

from vector import Vector, failing, ofd, s

REFERENCES, DIGESTS, COVERAGE = "signature.references", "signature.reference-digests", "signature.coverage"


def references() -> Iterator[Vector]:
    yield failing(
        "references-empty",
        "A1",
        "A sealed Signature.xml without a reference.",
        ofd(s.Signing(covered=())),
        REFERENCES,
        DIGESTS,
        COVERAGE,
        reason="references-empty",
    )
    for name, method in (("md5", "MD5"), ("sha1", "SHA-1"), ("absent", None), ("hmac", "1.2.156.10197.1.401.2")):
        signing = s.Signing(check_method=method)
        yield failing(
            f"digest-method-{name}", "A2", f"CheckMethod is {method}.", ofd(signing), "signature.digest-method"
        )
    page, template = "Doc_0/Pages/Page_0/Content.xml", "Doc_0/Tpls/Tpl_0/Content.xml"

    def swap(name: str) -> str:
        return f"/{template if name == page else name}"

    yield failing(
        "reference-repeated",
        "A3",
        "Two references name the same file; the page is not covered.",
        ofd(s.Signing(location=swap)),
        REFERENCES,
        DIGESTS,
        COVERAGE,
        reason="reference-repeated",
    )

    def exchange(name: str) -> str:
        return f"/{ {page: template, template: page}.get(name, name) }"

    yield failing(
        "reference-exchanged", "A3", "Two references are exchanged.", ofd(s.Signing(location=exchange)), DIGESTS
    )
    yield failing(
        "reference-missing",
        "A3",
        "A referenced file was removed.",
        ofd(**{"Doc_0/Attachs/policy.xml": None}),
        REFERENCES,
        DIGESTS,
        reason="path-missing",
    )
    for name, location in (
        ("parent", "/../Doc_0/Document.xml"),
        ("backslash", "Doc_0\\Document.xml"),
        ("percent", "/Doc_0%2FDocument.xml"),
    ):
        signing = s.Signing(location=lambda one, to=location: to if one.endswith("Document.xml") else f"/{one}")
        yield failing(
            f"reference-{name}",
            "A23",
            f"A reference leaves the package or is encoded: {name}.",
            ofd(signing),
            REFERENCES,
            DIGESTS,
            COVERAGE,
        )
    own = s.Signing(covered=(*s.content(), "Doc_0/Signs/Sign_0/Signature.xml"))
    parts = {**s.content(), "Doc_0/Signs/Sign_0/Signature.xml": b"<x/>"}
    own.add(parts)
    parts["Doc_0/Signs/Signatures.xml"] = s.signature_list([own])
    yield failing("reference-to-itself", "A3", "The signature covers itself.", s.package(parts), REFERENCES, DIGESTS)
    yield failing(
        "page-edited",
        "A5",
        "One digit of the premium was changed after sealing.",
        ofd(**{page: s.page("保险费合计：92,800.00 元")}),
        DIGESTS,
    )
    yield failing(
        "attachment-edited",
        "A5",
        "The structured data were changed after sealing.",
        ofd(**{"Doc_0/Attachs/policy.xml": b"<policy/>"}),
        DIGESTS,
    )
