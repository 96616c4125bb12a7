"""Attacks on the seal: transplanted, replaced, self-made."""

from collections.abc import Iterator

from vector import Vector, failing, ofd, s

DIGESTS = "signature.reference-digests"


def transplants() -> Iterator[Vector]:
    here = s.sealed()
    there = s.sealed(parts={**s.content(), "Doc_0/Pages/Page_0/Content.xml": s.page("另一份保单")})
    copied = {name: data for name, data in there.items() if "/Sign_0/" in name}
    yield failing(
        "signature-copied",
        "A9",
        "A signature folder was copied from another document.",
        s.package({**here, **copied}),
        DIGESTS,
    )
    value = {"Doc_0/Signs/Sign_0/SignedValue.dat": there["Doc_0/Signs/Sign_0/SignedValue.dat"]}
    yield failing(
        "value-copied",
        "A9",
        "The signed value was copied from another document.",
        s.package({**here, **value}),
        "signature.data-hash",
    )
    moved = {name.replace("/Sign_0/", "/Sign_9/"): data for name, data in here.items()}
    moved["Doc_0/Signs/Signatures.xml"] = s.signature_list([s.Signing(folder="Sign_9")])
    yield failing(
        "signature-moved",
        "A9",
        "The signature folder was moved within the document.",
        s.package(moved),
        "signature.bound",
    )
    yield failing(
        "property-other-document",
        "A9",
        "propertyInfo names another document.",
        ofd(s.with_value(property_info='{"DocId":"other","Entry":"Sign_0/Signature.xml"}')),
        "signature.bound",
    )
    yield failing(
        "property-empty", "A9", "propertyInfo binds nothing.", ofd(s.with_value(property_info="")), "signature.bound"
    )
    yield failing(
        "seal-transplanted",
        "A10",
        "A genuine seal under the key of another trusted signer.",
        ofd(s.with_value(signer=s.OTHER)),
        "seal.signer-listed",
    )
    yield failing(
        "certificate-exchanged",
        "A10",
        "The certificate beside the signature was exchanged for that of the seal's owner.",
        ofd(s.with_value(signer=s.OTHER, certificate=s.SIGNER.certificate)),
        "signature.value",
    )
    other = s.SealPlan(name="另一家保险公司公章", id="33020000000002")
    yield failing(
        "seal-file-replaced",
        "A11",
        "Only the seal file was exchanged.",
        ofd(s.Signing(copy=other.build())),
        "seal.copy",
    )
    fake = s.Holder("示例印章制作中心", "示例印章制作中心", key="forger")
    yield failing(
        "maker-self-signed",
        "A12",
        "A self-made seal with the victim's name, its maker signed by itself.",
        ofd(s.with_seal(s.SealPlan(maker=fake))),
        "certificate.chain",
        "certificate.revocation",
        outcome="indeterminate",
    )
    signer_made = s.Holder("会签名的人", issuer=s.ROOT, serial=0x1009)
    yield failing(
        "maker-from-signer-root",
        "A12",
        "The seal's maker has a certificate for signing documents, not for making seals.",
        ofd(s.with_seal(s.SealPlan(maker=signer_made))),
        "certificate.chain",
        "certificate.revocation",
        outcome="indeterminate",
    )
    yield failing(
        "seal-edited",
        "A12",
        "The seal is not what its maker signed.",
        ofd(s.with_seal(s.SealPlan(signed=lambda info: info + b"\0"))),
        "seal.maker-signature",
    )
    three = s.SealPlan(list_type=3)
    yield failing("list-type-3", "A27", "certListType is 3.", ofd(s.with_seal(three)), "seal.certificate-list")
    texts = s.SealPlan(entries=(s.ia5("CN=示例".encode().hex()),))
    yield failing(
        "list-of-texts",
        "A28",
        "The list of signers holds text.",
        ofd(s.with_seal(texts)),
        "seal.certificate-list",
        "seal.signer-listed",
    )
    yield failing(
        "name-with-nul",
        "A26",
        "The name of the seal ends in NUL.",
        ofd(s.with_seal(s.SealPlan(name="示例公司\0\0"))),
        "seal.name",
    )
    yield failing(
        "header-unknown",
        "A12",
        "The header of the seal is not ES.",
        ofd(s.with_seal(s.SealPlan(header="XX"))),
        "seal.header",
    )
    critical = s.seq(s.seq(s.oid("1.2.3.4"), b"\x01\x01\xff", s.octets(b"x")))
    yield failing(
        "extension-critical",
        "A12",
        "A critical extension that nobody knows.",
        ofd(s.with_seal(s.SealPlan(extensions=critical))),
        "seal.extensions",
    )
    yield failing(
        "version-5",
        "A18",
        "A seal of GM/T 0031-2025, which the policy does not allow.",
        ofd(s.with_seal(s.SealPlan(version=5))),
        "signature.version",
        outcome="indeterminate",
    )
    yield failing(
        "version-mixed",
        "A18",
        "The signature states another version than its seal.",
        ofd(s.with_value(version=5)),
        "signature.version",
    )
