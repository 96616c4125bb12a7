"""What must pass, also where a vendor writes it in his own way."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace

from vector import Pdf, Vector, ofd, s

from signing import pairs, sm2


def passing() -> Iterator[Vector]:
    def ok(name: str, description: str, data: bytes, *flags: str, detached: bytes | None = None) -> Vector:
        return Vector(name, description, data, "passed", flags=flags, detached=detached)

    yield ok("sealed-v4", "A policy with one seal of GB/T 38540-2020.", ofd())
    yield ok("sealed-v1", "One seal of GM/T 0031-2014.", ofd(s.with_seal(s.SealPlan(family="v1", version=1))))
    yield ok(
        "sealed-v4-digest-list", "The seal lists its signers by SM3 digest.", ofd(s.with_seal(s.SealPlan(list_type=2)))
    )
    yield ok("signed-attributes", "A plain signature with attributes.", ofd(s.Signing(s.PlainSignature())))
    yield ok(
        "signed-plain",
        "A plain signature over the digest of Signature.xml.",
        ofd(s.Signing(s.PlainSignature(attributes=False))),
    )
    yield ok(
        "sealed-twice",
        "A seal and, by another signer, a plain signature; both cover everything.",
        ofd(s.Signing(), s.Signing(s.PlainSignature(signer=s.OTHER), folder="Sign_1", id="2")),
    )
    root = frozenset({"OFD.xml"})
    yield ok("root-constrained", "OFD.xml is not covered but leaves no choice.", ofd(s.Signing(uncovered=root)))
    yield ok(
        "value-raw",
        "The signature value is 64 octets without DER.",
        ofd(s.with_value(value=raw_bits)),
        "signature-raw64",
    )
    yield ok("digest-trimmed", "A trailing zero of the signed digest was cut off.", trimmed(), "bitstring-trimmed")
    text = s.PlainSignature(attributes=False, embedded=lambda content: b64encode(sm2.sm3(content)))
    yield ok("digest-base64", "The embedded digest is written as base64.", ofd(s.Signing(text)), "cms-digest-base64")
    yield ok("value-negative", "A leading 00 is missing in the signature.", *negative())
    yield ok(
        "property-json", "propertyInfo is JSON with document and entry.", ofd(s.with_value(property_info=JSON_INFO))
    )
    yield ok(
        "property-document", "propertyInfo is the identifier of the document.", ofd(s.with_value(property_info="d0c1"))
    )
    stamped = s.PlainSignature(token=lambda value: s.time_stamp(sm2.sm3(value)))
    yield ok("signed-stamped", "A plain signature with a time-stamp on its value.", ofd(s.Signing(stamped)))
    data = b"the bytes of a policy in any format"
    yield replace(
        ok("detached-cms-stamped", "Detached SignedData with a time-stamp.", data, detached=stamped.build(data)),
        suffix="bin",
    )
    yield replace(
        ok("detached-cms", "SignedData in a file of its own.", data, detached=s.PlainSignature().build(data)),
        suffix="bin",
    )
    yield replace(
        ok("detached-ses", "A seal signature in a file of its own.", data, detached=s.SealSignature().build(data, "x")),
        suffix="bin",
    )


def passing_pdfs() -> Iterator[Vector]:
    """PDFs that must pass, whatever their signatures are made of."""

    def ok(name: str, description: str, pdf: Pdf) -> Vector:
        return Vector(f"pdf-{name}", description, pdf.data, "passed", suffix="pdf")

    sm2_signed, rsa_signed = s.PlainSignature(), s.PlainSignature(signer=s.RSA_SIGNER)
    seal = s.SealSignature(property_info="Sig1")
    v1 = replace(seal, seal=s.SealPlan(family="v1", version=1))

    def pdf(*makes: Callable[[bytes], bytes], **more: object) -> Pdf:
        found = Pdf()
        found.room = 6000
        for make in makes:
            found.sign(make, **more)  # type: ignore[arg-type]
        return found

    yield ok("signed", "A signature of GB/T 35275.", pdf(sm2_signed.build))
    yield ok("signed-rsa", "A signature of RFC 5652 with RSA.", pdf(rsa_signed.build))
    yield ok(
        "sealed", "A seal of GB/T 38540-2020.", pdf(lambda content: seal.build(content, ""), sub_filter="GM.sm2seal")
    )
    yield ok(
        "sealed-v1", "A seal of GM/T 0031-2014 under another SubFilter.", pdf(lambda content: v1.build(content, ""))
    )
    yield ok("signed-twice", "Two signatures by the same certificate.", pdf(sm2_signed.build, sm2_signed.build))
    yield ok("dual", "RSA first, then SM2, by the same insurer.", pdf(rsa_signed.build, sm2_signed.build))
    yield ok("dual-reversed", "SM2 first, then RSA, by the same insurer.", pdf(sm2_signed.build, rsa_signed.build))
    mixed = pdf(rsa_signed.build, lambda content: seal.build(content, ""))
    yield ok("dual-seal", "RSA first, then a seal of GB/T 38540, by the same insurer.", mixed)
    stamped = pdf(lambda content: seal.build(content, ""))
    stamped.sign(
        lambda content: s.time_stamp(sm2.sm3(content)), sub_filter="ETSI.RFC3161", kind="DocTimeStamp", more=b""
    )
    yield ok("sealed-stamped", "A seal, and a document time-stamp of SM2 after it.", stamped)


JSON_INFO = '{"DocId":"d0c1","Entry":"Sign_0/Signature.xml"}'


def raw_bits(value: bytes) -> bytes:
    return s.bits(pairs.der_to_raw(value))


def unsigned_bits(value: bytes) -> bytes:
    """The value without the leading 00 of its integers."""
    r, t = pairs.read_pair(value)
    body = b"".join(s.tlv(2, number.to_bytes(32, "big")) for number in (r, t))
    return s.bits(s.tlv(0x30, body))


def trimmed() -> bytes:
    """A document whose signed digest ends in a zero octet, which is not written."""
    for number in range(10_000):
        stamp = f'<ofd:StampAnnot ID="{number}" PageRef="1" Boundary="140 220 40 40"/>'
        signing = replace(s.with_value(digest=lambda digest: s.bits(digest.removesuffix(b"\0"))), stamp=stamp)
        if sm2.sm3(signing.declare(s.content())).endswith(b"\0"):
            return ofd(signing)
    raise AssertionError("no digest with a trailing zero among 10,000")


def negative() -> tuple[bytes, str]:
    """A document whose signature has an integer with the top bit set, written without its leading 00."""
    for number in range(64):
        signing = s.with_value(value=unsigned_bits, seal=s.SealPlan(id=f"3302000000{number:04}"))
        parts = s.sealed(signing)
        value = parts["Doc_0/Signs/Sign_0/SignedValue.dat"]
        if value[-32] & 0x80 or value[-66] & 0x80:
            return s.package(parts), "signature-negative-integer"
    raise AssertionError("no value with a top bit among 64")
