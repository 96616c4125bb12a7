"""The PDFs of the public suite: each has the integrity and the coverage that its label allows."""

import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from asn1crypto import pem
from pdf_maker import Pdf
from published import Tally, read, vectors

from schemas.verification import Outcome, SealReport, worst
from signing.containers.pdf import judge
from signing.trust import Policy, TrustStore

SUITE = vectors("pdf")
AT = datetime(2022, 1, 1, tzinfo=UTC)
_GRAVITY = {"whole": 0, "partial": 1, "unsafe": 2}
pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Fixed:
    """The same value, whatever is to be signed."""

    value: bytes

    def __call__(self, content: bytes) -> bytes:
        return self.value


def anchor(name: str) -> bytes:
    return bytes(pem.unarmor((SUITE / "anchors" / name).read_bytes())[2])


def trust() -> TrustStore:
    lax = Policy(revocation="if-available", allow_unattributed_pdf=True, allow_test_certificates=True)
    return TrustStore(
        signers=(anchor("root.cert.pem"),),
        tsa=(anchor("root.cert.pem"),),
        intermediates=(anchor("interm.cert.pem"),),
        policy=lax,
    )


def integrity_of(reasons: set[str | None], seals: tuple[SealReport, ...]) -> str:
    if not seals:
        return "not_signed" if "not-signed" in reasons else "failed"
    found = {seal.integrity for seal in seals}
    return next(answer for answer in ("failed", "unsupported", "passed") if answer in found)


def test_every_label_holds() -> None:
    tally = Tally("pdf", "labels.json")
    for entry in read(SUITE / "labels.json")["files"]:
        with tally.judging(entry["file"]):
            checks, seals = judge((SUITE / entry["file"]).read_bytes(), trust=trust(), at=AT)
        integrity = integrity_of({check.reason for check in checks}, seals)
        coverage = max((seal.coverage for seal in seals), key=_GRAVITY.__getitem__, default="none")
        sound = integrity in entry["integrity"]["accept"]
        if entry["coverage"].get("scored"):
            sound = sound and coverage in entry["coverage"]["accept"]
        accepted = integrity == "passed" and coverage == "whole"
        expected = accepted if sound else not accepted
        tally.add(f"{entry['file']}: {integrity}, {coverage}", expected=expected, actual=accepted)
    tally.settle()


def test_nothing_passes_without_an_anchor() -> None:
    for entry in read(SUITE / "labels.json")["files"]:
        checks, seals = judge((SUITE / entry["file"]).read_bytes(), trust=TrustStore(), at=AT)
        assert worst((*checks, *(check for seal in seals for check in seal.checks))) is not Outcome.PASSED
        assert all(seal.trust != "trusted" for seal in seals)


def test_signatures_with_time_stamps_have_their_proof() -> None:
    data = (SUITE / "pyhanko" / "pades-lta-dss-indirect-arrs-test-2.pdf").read_bytes()
    checks, seals = judge(data, trust=trust(), at=AT)
    assert worst((*checks, *(check for seal in seals for check in seal.checks))) is Outcome.PASSED
    assert {(seal.trust, seal.time_proof) for seal in seals} == {("trusted", "timestamp")}


def test_an_electronic_seal_in_a_pdf_is_judged_as_one() -> None:
    """A seal signature taken from another document: read, and not over this file."""
    found = 0
    for path in sorted((vectors("ofd")).rglob("*.ofd"))[:12]:
        with zipfile.ZipFile(path) as archive:
            values = [name for name in archive.namelist() if name.lower().endswith("signedvalue.dat")]
            value = archive.read(values[0]) if values else b""
        if not value.startswith(b"\x30") or len(value) > 60_000:
            continue
        pdf = Pdf()
        pdf.room = 2 * len(value) + 100
        pdf.sign(Fixed(value), sub_filter="GM.sm2seal")
        _, (seal,) = judge(pdf.data, trust=TrustStore(), at=datetime(2026, 6, 1, tzinfo=UTC))
        if seal.seal is None:
            continue
        found += 1
        reasons = {check.rule: check.reason for check in seal.checks}
        assert (seal.container, seal.integrity, seal.coverage) == ("pdf", "failed", "whole")
        assert reasons["signature.data-hash"] == "content-changed"
    assert found > 0
