"""Hostile bytes: any change of an honest file has a verdict, in bounded time, and never a better one."""

import contextlib
import io
import random
import re
import time
import zlib
from functools import partial
from pathlib import Path

import pytest
from authority import AT
from hypothesis import given, settings
from hypothesis import strategies as st
from pdf_maker import Pdf
from published import read, vectors
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from test_pdf import by, stamped, world

from schemas.verification import Outcome, worst
from signing.containers.pdf import judge
from signing.containers.pdf_dictionary import BadDictionary, read_dictionary, read_hole
from signing.containers.pdf_file import PDF_FAULTS, _Reader, _without_value

SECONDS = 10.0


def outcome(data: bytes) -> Outcome:
    checks, seals = judge(data, trust=world()[0], at=AT)
    return worst((*checks, *(check for seal in seals for check in seal.checks)))


def honest() -> bytes:
    pdf = Pdf()
    pdf.sign(by(world()[1]))
    pdf.sign(by(world()[1]))
    return pdf.data


HONEST = honest()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(HONEST) * 8 - 1))
def test_one_changed_bit_is_never_a_pass(place: int) -> None:
    changed = bytearray(HONEST)
    changed[place // 8] ^= 1 << place % 8
    if outcome(bytes(changed)) is Outcome.PASSED:
        # Only the case of a hex digit of the value may change without changing what is signed, or the value.
        assert bytes(changed).lower() == HONEST.lower()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(HONEST)), st.integers(0, len(HONEST)), st.binary(max_size=40))
def test_cut_and_filled_files_have_a_verdict(start: int, end: int, filling: bytes) -> None:
    changed = HONEST[:start] + filling + HONEST[end:]
    if changed != HONEST:
        assert outcome(changed) is not Outcome.PASSED


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_have_a_verdict(junk: bytes) -> None:
    assert outcome(b"%PDF-1.7\n" + junk) is Outcome.FAILED
    assert outcome(junk) is Outcome.FAILED


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_dictionary_is_read_or_refused(junk: bytes) -> None:
    data = b"1 0 obj\n<< /ByteRange [0 10 20 30] /Contents <30> " + junk
    with contextlib.suppress(BadDictionary):
        read_hole(data, read_dictionary(data, 0, 1))


@pytest.mark.real
def test_mutated_files_of_the_suite_have_a_verdict() -> None:
    suite, chosen, slowest = vectors("pdf"), random.Random(20260601), 0.0
    for entry in read(suite / "labels.json")["files"]:
        data = (suite / entry["file"]).read_bytes()
        for _ in range(6):
            changed = bytearray(data)
            for _ in range(chosen.choice((1, 3, 20))):
                place = chosen.randrange(len(changed))
                action = chosen.randrange(3)
                if action == 0:
                    changed[place] = chosen.randrange(256)
                elif action == 1:
                    del changed[place : place + chosen.randrange(1, 30)]
                else:
                    changed[place:place] = changed[: chosen.randrange(30)]
            began = time.perf_counter()
            outcome(bytes(changed))
            slowest = max(slowest, time.perf_counter() - began)
    print(f"slowest {slowest:.2f} s")
    assert slowest < SECONDS


def _within_bounds(data: bytes) -> Outcome:
    began = time.process_time()
    found = outcome(data)
    assert time.process_time() - began < SECONDS
    return found


def test_deep_nesting_ends() -> None:
    for opening, closing in ((b"[", b"]"), (b"<< /A ", b" >>")):
        pdf = Pdf(b"/Deep " + opening * 20_000 + b"null" + closing * 20_000)
        pdf.sign(by(world()[1]))
        assert _within_bounds(pdf.data) is not Outcome.PASSED


def test_a_loop_of_cross_references_ends() -> None:
    pdf = Pdf()
    pdf.sign(by(world()[1]))
    start = pdf.data.rindex(b"startxref\n") + 10
    looping = pdf.data.replace(b"/Root 1 0 R >>", b"/Root 1 0 R /Prev %d >>" % int(pdf.data[start:].split()[0]))
    assert _within_bounds(looping) is not Outcome.PASSED


def test_a_field_that_is_its_own_kid_ends() -> None:
    pdf = Pdf()
    pdf.sign(by(world()[1]), objects={90: b"<< /T (loop) /Kids [90 0 R] >>"})
    pdf.fields.append(90)
    pdf.revise({})
    assert _within_bounds(pdf.data) is not Outcome.PASSED


def test_a_stream_that_unpacks_to_too_much_ends() -> None:
    packed = zlib.compress(b"1 0 " * 10_000_000, 9)
    body = b"<< /Type /ObjStm /N 10000000 /First 10 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
    pdf = Pdf(more={9: body % (len(packed), packed)})
    pdf.sign(by(world()[1]))
    assert _within_bounds(pdf.data) is not Outcome.PASSED


def test_one_large_object_stream_costs_in_proportion() -> None:
    """Cross-reference and object streams by another writer, all objects in one stream and all in use."""
    reader = PdfFileReader(io.BytesIO(Pdf().revised()))
    writer = copy_into_new_writer(reader)
    writer.stream_xrefs = True
    packed, used = writer.prepare_object_stream(), generic.ArrayObject()
    for number in range(4000):
        used.append(writer.add_object(generic.ArrayObject([generic.NumberObject(number)]), obj_stream=packed))
    writer.root["/Used"] = used
    written = io.BytesIO()
    writer.write(written)
    data = _signed_again(_signed_again(written.getvalue(), "A"), "B")
    assert _within_bounds(data) is Outcome.PASSED


def _signed_again(data: bytes, field: str) -> bytes:
    output = IncrementalPdfFileWriter(io.BytesIO(data))
    steps = PdfCMSEmbedder().write_cms(field_name=field, writer=output)
    next(steps)
    placeholder = SignatureObject(subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED, bytes_reserved=8000)
    steps.send(SigObjSetup(sig_placeholder=placeholder))
    prepared, file = steps.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    written = file.getvalue()
    covered = written[: prepared.reserved_region_start] + written[prepared.reserved_region_end :]
    steps.send(by(world()[1])(covered))
    return bytes(file.getvalue())


def test_many_signatures_cost_in_proportion() -> None:
    def judged(count: int) -> float:
        pdf = Pdf()
        for _ in range(count):
            pdf.sign(by(world()[1]))
        began = time.perf_counter()
        assert outcome(pdf.data) is Outcome.PASSED
        return time.perf_counter() - began

    judged(2)
    few, many = judged(4), judged(16)
    assert many < 4 * 4 * few + 1, "a quadratic cost would be sixteen times that of four"


def test_more_signatures_than_anybody_needs_are_refused() -> None:
    pdf = Pdf()
    for _ in range(33):
        pdf.sign(lambda _: b"\x30\x00")
    assert _within_bounds(pdf.data) is Outcome.FAILED


def test_a_time_stamped_file_survives_no_change() -> None:
    pdf = Pdf()
    pdf.sign(stamped(world()[1], AT))
    chosen = random.Random(7)
    for _ in range(100):
        changed = bytearray(pdf.data)
        changed[chosen.randrange(len(changed))] ^= 0x41
        if outcome(bytes(changed)) is Outcome.PASSED:
            assert bytes(changed).lower() == pdf.data.lower()


@pytest.mark.real
def test_a_value_left_out_changes_nothing_else() -> None:
    """Signature dictionaries are read without going through their values: all the rest is what the library reads."""
    ours, suite = Path(__file__).parents[1] / "vectors" / "seals", vectors("pdf")
    shortened = 0
    for path in sorted(
        (*ours.glob("*.pdf"), *(suite / entry["file"] for entry in read(suite / "labels.json")["files"]))
    ):
        data = path.read_bytes()
        try:
            whole, short = PdfFileReader(io.BytesIO(data)), _Reader(data)
        except PDF_FAULTS:
            continue
        if "/Encrypt" in whole.trailer:
            continue
        for revision in range(whole.xrefs.total_revisions):
            for reference in sorted(whole.xrefs.explicit_refs_in_revision(revision), key=lambda one: one.idnum):
                try:
                    expected = whole.get_object(reference, revision=revision)
                    found = short.get_object(reference, revision=revision)
                except PDF_FAULTS:
                    continue
                if isinstance(expected, generic.DictionaryObject) and "/Contents" in expected and found != expected:
                    assert expected["/Contents"] != found["/Contents"]
                    left = {key: value for key, value in expected.items() if key != "/Contents"}
                    assert left == {key: value for key, value in found.items() if key != "/Contents"}
                    shortened += 1
                else:
                    assert found == expected
    assert shortened > 50


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_what_stands_around_a_value_is_never_touched(before: bytes, after: bytes) -> None:
    data = b"7 0 obj\n<< " + before + b" /Contents <" + b"0a" * 200 + b"> " + after + b" >>\nendobj\n"
    short = _without_value(data, 0, 7, partial(read_dictionary, data))
    if short is not None:
        start, end = data.index(b"<" + b"0a" * 200), len(data) - len(data.rpartition(b"0a" * 200 + b">")[2])
        assert short.startswith(data[:start] + b"<")
        assert data[end:].startswith(short[start + 66 :])
        assert re.fullmatch(rb"<[0-9a-f]{64}>", short[start : start + 66])


@pytest.mark.parametrize("direct", [True, False])
def test_many_revisions_of_a_large_object_are_not_compared_for_ever(direct: bool) -> None:
    values = b"[" + b"[1 2 3 4]" * (10_000 if direct else 30_000) + b"]"
    pdf = Pdf(b"/X " + (values if direct else b"500 0 R"), {} if direct else {500: values})
    for _ in range(10):
        pdf.sign(by(world()[1]))
    assert _within_bounds(pdf.data) is Outcome.FAILED
