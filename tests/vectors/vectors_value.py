"""Attacks on signature values, algorithms and structures."""

from collections.abc import Callable, Iterator

from vector import Vector, failing, ofd, s

from signing import pairs, sm2


def values() -> Iterator[Vector]:
    def plain(**changes: object) -> bytes:
        return ofd(s.Signing(s.PlainSignature(**changes)))  # type: ignore[arg-type]

    yield failing(
        "signers-none",
        "A16",
        "SignedData without a signer.",
        plain(repeat=0),
        "signature.format",
        "signature.method",
        "signature.data-hash",
        "certificate.parsed",
    )
    yield failing("signers-two", "A16", "SignedData with two signers.", plain(repeat=2), "signature.format")
    yield failing(
        "digest-attribute-none",
        "A17",
        "Attributes without a digest.",
        plain(digests=0),
        "signature.format",
        "signature.data-hash",
    )
    yield failing("digest-attribute-twice", "A17", "Attributes with two digests.", plain(digests=2), "signature.format")
    yield failing(
        "content-type-other",
        "A17",
        "The content type attribute names something else.",
        plain(content_type="1.2.3"),
        "signature.format",
    )
    yield failing(
        "embedded-other",
        "A17",
        "The digest inside is that of something else.",
        plain(attributes=False, embedded=lambda content: sm2.sm3(b"x")),
        "signature.data-hash",
    )
    rsa = "1.2.840.113549.1.1.11"
    yield failing(
        "algorithm-rsa",
        "A18",
        "The signature says RSA, the key is SM2.",
        ofd(s.with_value(algorithm=rsa)),
        "signature.method",
        "signature.data-hash",
    )
    for name, digest in (("sha1", "1.2.840.113549.1.1.5"), ("sha1-gm", "1.2.156.10197.1.504")):
        weak = s.Signing(s.SealSignature(algorithm=digest), method=digest)
        yield failing(f"algorithm-{name}", "A18", "The signature is RSA with SHA-1.", ofd(weak), "signature.method")
    seal = s.SealPlan(signers=(s.RSA_SIGNER,), maker=s.RSA_MAKER)
    by_rsa = s.Signing(s.SealSignature(seal, signer=s.RSA_SIGNER), method=rsa)
    yield failing(
        "seal-rsa",
        "A18",
        "Signer and maker of the seal sign with RSA, which the policy does not allow.",
        ofd(by_rsa),
        "signature.method",
        "seal.maker-signature",
        outcome="indeterminate",
    )
    short = s.SealPlan(signers=(s.SHORT_SIGNER,))
    by_short = s.Signing(s.SealSignature(short, signer=s.SHORT_SIGNER), method=rsa)
    yield failing(
        "seal-rsa-1024",
        "A18",
        "The signer's key is RSA of 1024 bits.",
        ofd(by_short),
        "signature.method",
        "certificate.algorithm",
    )
    yield failing(
        "algorithm-cms-rsa",
        "A18",
        "SignedData says RSA, the key is SM2.",
        plain(algorithm=rsa),
        "signature.method",
    )
    yield failing(
        "algorithm-unknown",
        "A18",
        "The algorithm of the signature is a content type.",
        ofd(s.with_value(algorithm="1.2.156.10197.6.1.4.2.2")),
        "signature.method",
    )
    yield failing("method-rsa", "A18", "SignatureMethod says RSA.", ofd(s.Signing(method=rsa)), "signature.method")
    yield failing(
        "method-absent", "A18", "There is no SignatureMethod.", ofd(s.Signing(method=None)), "signature.method"
    )
    yield failing(
        "maker-algorithm-rsa",
        "A18",
        "The seal says RSA, its maker's key is SM2.",
        ofd(s.with_seal(s.SealPlan(algorithm=rsa))),
        "seal.maker-signature",
    )

    def pair(r: int, t: int) -> Callable[[bytes], bytes]:
        return lambda value: s.bits(s.seq(s.integer(r), s.integer(t)))

    for name, value in (
        ("r-zero", pair(0, 1)),
        ("s-zero", pair(1, 0)),
        ("r-large", lambda value: s.bits(s.seq(s.integer(pairs.read_pair(value)[0] + sm2.N), s.integer(1)))),
        ("s-order", pair(1, sm2.N)),
        ("trailing", lambda value: s.bits(value + b"\0")),
        ("empty", lambda value: s.bits(b"")),
        ("zeros", lambda value: s.bits(bytes(64))),
        ("reused", lambda value: s.bits(s.OTHER.sign(b"other"))),
    ):
        yield failing(
            f"value-{name}",
            "A19",
            f"The signature value is broken: {name}.",
            ofd(s.with_value(value=value)),
            "signature.encoding" if name in ("r-large", "trailing", "empty") else "signature.value",
        )
    yield failing(
        "value-der-of-64",
        "A19",
        "64 octets that are also DER.",
        ofd(s.with_value(value=lambda value: s.bits(s.seq(s.integer(1 << 230), s.integer(1 << 230))))),
        "signature.value",
    )
    for name, cut in (
        ("shortened", lambda digest: s.bits(digest[:20])),
        ("padded", lambda digest: s.bits(digest + b"\0")),
        ("empty", lambda digest: s.bits(b"")),
        ("cut-one", lambda digest: s.bits(digest[:31])),
    ):
        yield failing(
            f"digest-{name}",
            "A20",
            f"The signed digest is broken: {name}.",
            ofd(s.with_value(digest=cut)),
            "signature.data-hash",
        )
    yield failing(
        "kind-seal-is-plain",
        "A24",
        "Listed as a seal, but a plain signature.",
        ofd(s.Signing(s.PlainSignature(), kind="Seal")),
        "signature.kind",
    )
    yield failing(
        "kind-plain-is-seal",
        "A24",
        "Listed as a plain signature, but a seal.",
        ofd(s.Signing(kind="Sign")),
        "signature.kind",
    )
    bare = {"Doc_0/Signs/Sign_0/SignedValue.dat": s.SIGNER.sign(b"x")}
    yield failing(
        "value-bare",
        "A24",
        "A signature value without anything around it.",
        s.package({**s.sealed(s.Signing(s.PlainSignature())), **bare}),
        "signature.kind",
        outcome="indeterminate",
    )
    junk = {"Doc_0/Signs/Sign_0/SignedValue.dat": b"\x30\x80" + bytes(40)}
    yield failing(
        "value-junk", "A22", "The signed value is junk.", s.package({**s.sealed(), **junk}), "signature.format"
    )
    deep = {"Doc_0/Signs/Sign_0/SignedValue.dat": nested(16_000)}
    yield failing(
        "value-deep",
        "A22",
        "The signed value is 16,000 sequences in each other.",
        s.package({**s.sealed(), **deep}),
        "signature.kind",
    )
    huge = {"Doc_0/Signs/Sign_0/SignedValue.dat": s.seq(s.seq(s.tlv(2, b"\x7f" * 100_000)), s.octets(b""))}
    yield failing(
        "value-huge-integer",
        "A22",
        "A number of 100,000 octets.",
        s.package({**s.sealed(), **huge}),
        "signature.format",
    )
    data = b"the bytes of a policy"
    yield Vector(
        "detached-other",
        "A detached signature over other bytes.",
        data + b"!",
        failing=("signature.data-hash",),
        attack="A9",
        detached=s.PlainSignature().build(data),
        suffix="bin",
    )


def nested(count: int) -> bytes:
    value = b""
    for _ in range(count):
        value = s.tlv(0x30, value)
    return value
