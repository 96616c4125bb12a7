"""Large documents: what is needed beside the document is no more than twice its size, however many seals are on it."""

import random
import tracemalloc
from collections.abc import Callable
from datetime import datetime

import pytest
import sealing as s
from pdf_maker import Pdf

from schemas.verification import Outcome
from signing import TrustStore, verify_document, verify_timestamp
from signing.sm2 import sm3

MEGABYTE = 1 << 20
SIZE = 20 * MEGABYTE
TRUST = TrustStore(
    signers=(s.ROOT.certificate, s.RSA_ROOT.certificate),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    crls=s.LISTS,
)


def noise(size: int) -> bytes:
    """Like a photograph: nothing makes it smaller."""
    return random.Random(size).randbytes(size)


def peak_of(call: Callable[[], object]) -> int:
    """The most memory that the call has in use at a time, beside what there was before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def check(
    document: bytes, *, at: datetime = s.AT, detached: bytes | None = None, outcome: Outcome | None = None
) -> None:
    found = []
    peak = peak_of(lambda: found.append(verify_document(document, trust=TRUST, at=at, detached=detached)))
    assert found[0].outcome is (outcome or Outcome.PASSED), found[0].failing()
    print(f"{len(document) / MEGABYTE:.1f} MB, beside it {peak / len(document):.2f} times that")
    assert peak <= 2 * len(document)


@pytest.mark.parametrize("parts", [1, 10])
def test_an_ofd_with_large_pictures(parts: int) -> None:
    more = {f"Doc_0/Res/photo_{number}.jpg": noise(SIZE // parts - number) for number in range(parts)}
    media = "".join(
        f'<ofd:MultiMedia ID="{50 + number}" Type="Image">'
        f"<ofd:MediaFile>photo_{number}.jpg</ofd:MediaFile></ofd:MultiMedia>"
        for number in range(parts)
    )
    resources = s.xml("Res", f"<ofd:MultiMedias>{media}</ofd:MultiMedias>", ' BaseLoc="Res"')
    both = (s.Signing(), s.Signing(s.PlainSignature(signer=s.OTHER), folder="Sign_1", id="2"))
    content = {**s.content(), **more, "Doc_0/PublicRes.xml": resources}
    del content["Doc_0/Res/logo.png"]
    check(s.package(s.sealed(*both, parts=content)))


def image(size: int) -> bytes:
    return b"<< /Type /XObject /Subtype /Image /Length %d >>\nstream\n%s\nendstream" % (
        size,
        noise(size).replace(b"e", b"f"),
    )


@pytest.mark.parametrize("seals", [1, 5])
def test_a_pdf_with_a_large_picture(seals: int) -> None:
    pdf = Pdf(more={9: image(SIZE)})
    for number in range(seals):
        pdf.sign(s.PlainSignature(signer=s.SIGNER if number % 2 else s.RSA_SIGNER).build)
    check(pdf.data)


def test_a_pdf_under_a_document_time_stamp() -> None:
    pdf = Pdf(more={9: image(SIZE)})
    pdf.sign(s.PlainSignature().build)
    pdf.sign(lambda content: s.time_stamp(sm3(content)), sub_filter="ETSI.RFC3161", kind="DocTimeStamp", more=b"")
    check(pdf.data)


@pytest.mark.parametrize(
    "make",
    [
        s.PlainSignature().build,
        s.PlainSignature(attributes=False).build,
        s.PlainSignature(attributes=False, embedded=lambda content: None).build,
        lambda content: s.SealSignature().build(content, "x"),
    ],
)
def test_a_large_file_under_a_detached_signature(make: Callable[[bytes], bytes]) -> None:
    content = noise(SIZE)
    check(content, detached=make(content))


def test_a_broken_large_file_costs_no_more() -> None:
    for document in (b"%PDF-1.7\n" + noise(SIZE), b"%PDF-1.7\n" + b"1 0 obj\n" * (SIZE // 8)):
        check(document, outcome=Outcome.FAILED)


def test_a_token_over_a_large_file_needs_only_its_digest() -> None:
    content = noise(SIZE)
    token = s.time_stamp(sm3(content))
    assert peak_of(lambda: verify_timestamp(token, imprint=sm3(content), trust=TRUST, at=s.AT)) < MEGABYTE
