"""Attacks on sealed PDFs: incremental saving, wrapping, universal forgery, shadows, ranges, signers, what follows."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from vector import Pdf, Vector, s

Make = Callable[[bytes], bytes]
RANGE, EXTENT, STRUCTURE = "signature.byte-range", "signature.pdf-extent", "document.pdf-structure"
HASH, CONTENT, FORMAT = "signature.data-hash", "document.pdf-content", "signature.format"
ROOM = 6000


def plain(**changes: object) -> Make:
    signature = s.PlainSignature(**changes)  # type: ignore[arg-type]
    return lambda content: signature.build(content)


def sealed(catalog: bytes = b"", first: dict[int, bytes] | None = None, **signing: object) -> Pdf:
    """A policy with one signature of GB/T 35275 over all of it."""
    pdf = Pdf(catalog, first)
    pdf.room = ROOM
    make = signing.pop("make", plain())
    pdf.sign(make, **signing)  # type: ignore[arg-type]
    return pdf


def stream(text: str, head: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(text), text.encode())


FORGED = stream("BT /F1 12 Tf 72 720 Td (premium 92,800.00) Tj ET")
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << >> >>"


def pdfs() -> Iterator[Vector]:
    """Every vector of A29."""
    yield from incremental()
    yield from wrapped()
    yield from forged()
    yield from shadows()
    yield from ranges()
    yield from signers()
    yield from around()
    yield from electronic()
    yield from dual()


def failing(name: str, description: str, data: bytes, *rules: str, outcome: str = "failed") -> Vector:
    return Vector(f"pdf-{name}", description, data, outcome, rules, attack="A29", suffix="pdf")


def incremental() -> Iterator[Vector]:
    """Incremental saving attacks: something is appended, and the signed bytes stay what they are."""
    pdf = sealed()
    pdf.revise({4: FORGED}, root=False)
    yield failing("isa", "A revision after the seal changes the page.", pdf.data, EXTENT)
    pdf = sealed()
    pdf.data += b"4 0 obj\n%s\nendobj\n" % FORGED
    yield failing("isa-bare", "An object is appended, without a cross-reference table.", pdf.data, EXTENT)
    pdf = sealed()
    pdf.data += b"4 0 obj\n%s\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%%%EOF\n" % FORGED
    yield failing("isa-trailer", "An object and a trailer are appended, no table.", pdf.data, STRUCTURE)
    pdf = sealed()
    number = pdf.fields[0] + 1
    body = re.search(rb"%d 0 obj\n(.*?)\nendobj" % number, pdf.data, re.DOTALL)
    assert body is not None
    pdf.revise({4: FORGED, number: body[1]}, root=False)
    yield failing("isa-signature-copied", "A revision repeats the signature beside a changed page.", pdf.data, RANGE)
    for name, objects, what in (
        ("page-added", {2: b"<< /Type /Pages /Kids [3 0 R 90 0 R] /Count 2 >>", 90: PAGE % 4}, "adds a page"),
        ("page-removed", {2: b"<< /Type /Pages /Kids [] /Count 0 >>"}, "takes the page out"),
        (
            "page-exchanged",
            {2: b"<< /Type /Pages /Kids [90 0 R] /Count 1 >>", 90: PAGE % 91, 91: FORGED},
            "exchanges it",
        ),
    ):
        pdf = sealed()
        pdf.revise(objects, root=False)
        yield failing(name, f"A revision after the seal {what}.", pdf.data, EXTENT)
    pdf = sealed()
    note = b"<< /Type /Annot /Subtype /FreeText /Rect [0 0 595 842] /Contents (92,800.00) /DA (/F1 12 Tf) >>"
    widget = b"%d 0 R" % pdf.fields[0]
    page = (PAGE % 4)[:-2] + b"/Annots [%s 90 0 R] >>" % widget
    pdf.revise({3: page, 90: note}, root=False)
    yield failing("annotation-added", "A note is laid over the page after the seal.", pdf.data, EXTENT)
    pdf = sealed()
    pdf.sign(plain(signer=s.OTHER))
    yield failing("signed-by-other", "Somebody else signed after the seal.", pdf.data, EXTENT, outcome="indeterminate")
    pdf = sealed()
    pdf.sign(plain(signer=s.OTHER), objects={4: FORGED})
    yield failing("changed-and-signed", "Somebody else changed the page and signed it.", pdf.data, EXTENT)
    pdf = sealed()
    pdf.catalog = b"/Perms << >>"
    pdf.revise({})
    yield failing("catalogue-changed", "A revision after the seal changes the catalogue.", pdf.data, EXTENT)


def wrapped() -> Iterator[Vector]:
    """Signature wrapping: the second signed range is moved, and something put before it."""
    honest = sealed().data
    hole = re.search(rb"<[0-9a-f]{%d}>" % ROOM, honest)
    assert hole is not None
    first, second = hole.span()
    end = len(honest) - second
    value = hole[0].rstrip(b"0>")
    value += b"0" * (len(value) % 2 == 0)  # an odd number of digits follows `<`
    put = b"4 0 obj\n%s\nendobj\n" % FORGED
    moved = [0, first, second + len(put), end]
    rewritten = honest.replace(ranges_of(honest), written(moved), 1)
    yield failing(
        "swa",
        "Objects are put into the gap, and ByteRange leads around them.",
        rewritten[:second] + put + rewritten[second:],
        STRUCTURE,
    )
    inside = value + b"> /ByteRange " + written(moved)
    inside += b" " * (second - first - len(inside))
    yield failing(
        "swa-second-range",
        "The padding of the value gives way to a second ByteRange.",
        honest[:first] + inside + honest[second:],
        RANGE,
    )
    comment = value + b"> %" + b" " * (second - first - len(value) - 4) + b"\n"
    yield failing(
        "swa-gap",
        "The padding of the value gives way to something else.",
        honest[:first] + comment + honest[second:],
        RANGE,
    )


def ranges_of(data: bytes) -> bytes:
    found = re.search(rb"\[0000000000 [0-9 ]+\]", data)
    assert found is not None
    return found[0]


def written(numbers: list[int]) -> bytes:
    return b"[" + b" ".join(b"%010d" % number for number in numbers) + b"]"


def forged() -> Iterator[Vector]:
    """Universal signature forgery: what the value and its range are missing, a reader may take for nothing to check."""
    honest = sealed().data
    hole = re.search(rb"<[0-9a-f]{%d}>" % ROOM, honest)
    assert hole is not None
    numbers = ranges_of(honest)

    def exchanged(before: bytes, after: bytes) -> bytes:
        assert honest.count(before) == 1
        return honest.replace(before, after.ljust(len(before)))

    for name, value, what in (
        ("value-absent", b"", "no value"),
        ("value-null", b"null", "the value null"),
        ("value-empty", b"<>", "an empty value"),
        ("value-zero", b"<00>", "the value 00"),
        ("value-text", b"(signed)", "a text as its value"),
    ):
        key = b"/Contents " if value else b""
        yield failing(
            f"usf-{name}", f"The signature has {what}.", exchanged(b"/Contents " + hole[0], key + value), RANGE
        )
    for name, given, what in (
        ("range-absent", b"", "no ByteRange"),
        ("range-null", b"/ByteRange null", "the ByteRange null"),
        ("range-empty", b"/ByteRange []", "an empty ByteRange"),
        ("range-negative", b"/ByteRange [0 -1 2 -3]", "negative numbers in its ByteRange"),
        ("range-zeros", b"/ByteRange [0 0 0 0]", "a ByteRange of zeros"),
        ("range-short", b"/ByteRange [0 100]", "a ByteRange of two numbers"),
    ):
        yield failing(f"usf-{name}", f"The signature has {what}.", exchanged(b"/ByteRange " + numbers, given), RANGE)
    reason = sealed(more=b"/Reason (approved by the insurer)").data
    yield failing(
        "reason-spoofed",
        "The stated reason was changed after sealing.",
        reason.replace(b"approved by", b"refused by "),
        HASH,
    )


def shadows() -> Iterator[Vector]:
    """Shadow attacks: what is shown later was prepared before the seal, and is under it."""
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 600 20]"
    covered = (PAGE % 80).replace(b"<< >>", b"<< /XObject << /Cover 81 0 R >> >>")
    text = "BT (premium 92,800.00) Tj ET q /Cover Do Q"
    pdf = sealed(first={3: covered, 80: stream(text), 81: stream("1 g 0 0 600 20 re f", form)})
    pdf.revise({81: stream("", form)}, root=False)
    yield failing("shadow-hide", "What covered another text when it was sealed is taken away.", pdf.data, EXTENT)
    field = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (premium) /V (%s) /AP << /N 83 0 R >> /Rect [72 700 300 720] "
        b"/P 3 0 R >>"
    )
    page = PAGE.replace(b"/Resources", b"/Annots [82 0 R] /Resources") % 4
    pdf = Pdf(more={3: page, 82: field % b"12,800.00", 83: stream("BT (12,800.00) Tj ET", form)})
    pdf.room = ROOM
    pdf.fields.append(82)
    pdf.sign(plain())
    pdf.revise({82: field % b"92,800.00", 83: stream("BT (92,800.00) Tj ET", form)}, root=False)
    filled = "A field of a form is filled in anew after the seal."
    yield failing("shadow-replace", filled, pdf.data, EXTENT)
    pdf = Pdf()
    pdf.room = ROOM
    place = len(pdf.data)
    pdf.data += b"4 0 obj\n%s\nendobj\n" % FORGED
    pdf.sign(plain())
    pdf.point({4: place})
    hidden = "Only a table is appended: it leads to another page that was hidden in the sealed bytes."
    yield failing("shadow-hide-and-replace", hidden, pdf.data, EXTENT)


def ranges() -> Iterator[Vector]:
    """ByteRanges that leave out more than the value, or count bytes twice."""
    for name, change, what in (
        ("overlap", lambda n: [0, n[1], n[1] - 100, n[3]], "whose parts overlap"),
        ("gap-wider", lambda n: [0, n[1] - 20, n[2], n[3]], "that leaves out more than the value"),
        ("gap-within", lambda n: [0, n[1] + 1, n[2], n[3]], "that covers a part of the value"),
        ("start", lambda n: [9, n[1] - 9, n[2], n[3]], "that does not start with the file"),
        ("outside", lambda n: [0, n[1], n[2], n[3] + 10], "that leads out of the file"),
    ):
        yield failing(f"range-{name}", f"A ByteRange {what}.", sealed(range_of=change).data, RANGE)
    short = sealed(range_of=lambda n: [0, n[1], n[2], n[3] - 60])
    yield failing("range-short", "A ByteRange that ends before the file does.", short.data, EXTENT, HASH)


def signers() -> Iterator[Vector]:
    """What the SignedData of a PDF must not be."""
    yield failing("signers-two", "Two signers in one signature.", sealed(make=plain(repeat=2)).data, FORMAT)
    yield failing(
        "signers-none",
        "No signer in the signature.",
        sealed(make=plain(repeat=0)).data,
        FORMAT,
        "signature.pdf-attributes",
        "signature.method",
        HASH,
        "signature.value",
        "signature.signing-certificate",
        "certificate.parsed",
    )
    inside = sealed(make=plain(attributes=False, embedded=lambda content: content[:200]))
    yield failing(
        "content-inside", "The signed data carry another content.", inside.data, "signature.pdf-attributes", HASH
    )
    digest = sealed(make=plain(attributes=False))
    yield failing(
        "digest-inside", "The signed data carry the digest of the file.", digest.data, "signature.pdf-attributes"
    )
    bare = sealed(make=plain(attributes=False, embedded=lambda content: None))
    yield failing("attributes-none", "The file is signed without attributes.", bare.data, "signature.pdf-attributes")
    yield failing("digest-none", "Attributes without a digest.", sealed(make=plain(digests=0)).data, FORMAT, HASH)
    yield failing("digest-twice", "Attributes with two digests.", sealed(make=plain(digests=2)).data, FORMAT)
    other = sealed(make=lambda content: s.PlainSignature().build(content + b" "))
    yield failing("of-other", "A signature over another file.", other.data, HASH)
    seal = sealed(make=lambda content: s.SealSignature().build(b"another document", "Sig1"))
    yield failing("seal-of-other", "A seal that was taken from another document.", seal.data, HASH)
    legacy = sealed(sub_filter="adbe.pkcs7.sha1")
    yield failing("legacy", "A format of SHA-1.", legacy.data, "signature.pdf-format", outcome="indeterminate")


def around() -> Iterator[Vector]:
    """What stands before, behind and beside the sealed bytes."""
    honest = sealed().data
    yield failing("trailing", "A byte behind the end of the file.", honest + b"\n", EXTENT)
    yield failing("trailing-eof", "A second end-of-file mark.", honest + b"%%EOF\n", STRUCTURE)
    yield failing(
        "trailing-junk", "A comment behind the end of the file.", honest + b"%" + b"x" * 2000 + b"\n", STRUCTURE
    )
    yield failing("prefix", "Bytes before the header.", b"junk\n" + honest, STRUCTURE)
    cut = honest[: honest.rindex(b"startxref")]
    yield failing("cut", "The end of the file is missing.", cut, STRUCTURE)
    edited = honest.replace(b"12,800.00", b"92,800.00")
    yield failing("page-edited", "One digit of the premium was changed after sealing.", edited, HASH)
    script = sealed(catalog=b"/OpenAction << /S /JavaScript /JS (app.alert) >>")
    yield failing("script", "The sealed file runs a script when it is opened.", script.data, CONTENT)
    inside = {9: b"<< /Type /Filespec /F (policy.xml) /EF << /F 10 0 R >> >>", 10: stream("<premium>1</premium>")}
    carried = sealed(b"/AF [9 0 R]", inside)
    yield failing("embedded-file", "The sealed file carries another file, which is not shown.", carried.data, CONTENT)
    secret = honest.replace(b"/Root 1 0 R", b"/Encrypt 2 0 R /Root 1 0 R")
    yield failing("encrypted", "The file says that it is encrypted.", secret, STRUCTURE)
    shared = sealed()
    shared.fields.append(90)
    shared.revise({90: b"<< /FT /Sig /T (Other) /V 7 0 R >>"})
    yield failing("shared", "Two fields have the same signature.", shared.data, STRUCTURE)
    bare = Pdf()
    bare.revise({})
    yield failing("not-signed", "A policy without any signature.", bare.data, "document.signed")


def with_seal(plan: s.SealPlan | bytes = s.SealPlan(), **changes: object) -> Make:
    """A seal signature of GB/T 38540 as the value of the field."""
    value = s.SealSignature(plan, **changes)  # type: ignore[arg-type]
    return lambda content: value.build(content, "Sig1")


def electronic() -> Iterator[Vector]:
    """Electronic seals in a PDF, as attackers write them."""
    honest = sealed(make=with_seal()).data
    edited = honest.replace(b"12,800.00", b"92,800.00")
    yield failing("seal-page-edited", "One digit was changed under an electronic seal.", edited, HASH)
    pdf = sealed(make=with_seal())
    pdf.revise({4: FORGED}, root=False)
    yield failing("seal-revised", "A revision after the electronic seal changes the page.", pdf.data, EXTENT)
    other = sealed(make=with_seal(signer=s.OTHER))
    yield failing("seal-transplanted", "A genuine seal under another signer's key.", other.data, "seal.signer-listed")
    maker = replace(s.MAKER, issuer=None, serial=0x2009)
    made = sealed(make=with_seal(s.SealPlan(maker=maker)))
    chain = ("certificate.chain", "certificate.revocation")
    yield failing("seal-self-made", "A seal whose maker nobody knows.", made.data, *chain, outcome="indeterminate")
    renamed = s.SealPlan().build().replace("电子保单专用章".encode(), "电子保单业务章".encode())
    lying = sealed(make=with_seal(renamed))
    yield failing("seal-edited", "A seal whose name was changed by its user.", lying.data, "seal.maker-signature")
    expired = sealed(make=with_seal(s.SealPlan(end="20260201000000Z")))
    periods = ("seal.period", "seal.current")
    yield failing("seal-expired", "The electronic seal had expired when it was used.", expired.data, *periods)
    bare = sealed(make=lambda content: s.SealPlan().build())
    yield failing("seal-alone", "A seal stands where a seal signature should.", bare.data, FORMAT)
    listed = sealed(make=with_seal(s.SealPlan(version=5)))
    yield failing("seal-of-2025", "A seal of 2025.", listed.data, "signature.version", outcome="indeterminate")


def dual() -> Iterator[Vector]:
    """Two algorithms on one document: each signature is judged, and none excuses another."""
    for name, first, second in (
        ("rsa-broken", plain(signer=s.RSA_SIGNER), with_seal()),
        ("seal-broken", with_seal(), plain(signer=s.RSA_SIGNER)),
    ):
        pdf = sealed(make=lambda content, make=first: make(content + b" "))
        pdf.sign(second)
        what = f"Of two signatures of one holder, {name.replace('-', ' ')}: it is over another file."
        yield failing(f"dual-{name}", what, pdf.data, HASH)
    nobody = replace(s.RSA_SIGNER, issuer=None, serial=0x4009)
    pdf = sealed(make=plain(signer=nobody))
    pdf.sign(with_seal())
    unknown = "Of two signatures of one holder, that of RSA is under a certificate that nobody vouches for."
    rules = ("certificate.chain", "certificate.revocation")
    yield failing("dual-rsa-unknown", unknown, pdf.data, *rules, outcome="indeterminate")
    stranger = replace(s.RSA_SIGNER, number="91100000100003962T", serial=0x400A)
    pdf = sealed(make=plain(signer=stranger))
    pdf.sign(with_seal())
    yield failing("dual-of-two", "Two signatures of two holders.", pdf.data, EXTENT, outcome="indeterminate")
