"""What fuzzing starts from: every vector of ours, and values of each kind by the writers of the tests.

Nothing is stored: the same run makes the same seeds, and the published suites are added where they are at hand.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
PUBLISHED = TESTS.parents[1] / "shared" / "vectors"
sys.path[:0] = [str(TESTS.parent), str(TESTS / "signing"), str(TESTS / "vectors")]

import sealing as s  # noqa: E402
import xml_maker as m  # noqa: E402
from authority import issue, ocsp_response, root  # noqa: E402

from signing.sm2 import sm3  # noqa: E402

CONTENT = b"the signed content"
LARGEST = 200_000  # bytes of a seed: what is larger is slow, and teaches little


def of(target: str) -> list[bytes]:
    """The seeds of a target, each once."""
    found = dict.fromkeys(_SEEDS[target]())
    return [seed for seed in found if len(seed) <= LARGEST]


def _vectors(suffix: str, *folders: str) -> Iterator[bytes]:
    for path in sorted((TESTS / "vectors" / "seals").glob(f"*.{suffix}")):
        yield path.read_bytes()
    for folder in folders:
        for path in sorted((PUBLISHED / folder).rglob(f"*.{suffix}")):
            yield path.read_bytes()


def _ofd() -> Iterator[bytes]:
    yield from _vectors("ofd", "ofd")


def _ofd_part() -> Iterator[bytes]:
    for number, data in enumerate(PARTS.values()):
        yield bytes((number,)) + data


# The document whose parts are exchanged: a seal, and a plain signature with a time-stamp by somebody else.
PARTS = s.sealed(
    s.Signing(),
    s.Signing(s.PlainSignature(signer=s.OTHER, token=lambda value: s.time_stamp(sm3(value))), folder="Sign_1", id="2"),
)


def _pdf() -> Iterator[bytes]:
    yield from _vectors("pdf", "pdf")


def _cms() -> Iterator[bytes]:
    for signer in (s.SIGNER, s.RSA_SIGNER):
        for attributes in (True, False):
            plain = s.PlainSignature(signer=signer, attributes=attributes)
            yield plain.build(CONTENT)
    yield s.PlainSignature(token=lambda value: s.time_stamp(sm3(value))).build(CONTENT)
    yield s.PlainSignature(attributes=False, embedded=lambda content: content).build(CONTENT)


def _ses() -> Iterator[bytes]:
    for plan in (s.SealPlan(), s.SealPlan(family="v1", version=1), s.SealPlan(version=5), s.SealPlan(list_type=2)):
        yield s.SealSignature(plan).build(CONTENT, "x")
        yield s.SealSignature(plan, token=lambda value: s.time_stamp(sm3(value))).build(CONTENT, "x")
    for path in sorted((PUBLISHED / "ofd" / "seals").glob("*.dat")):
        yield path.read_bytes()


def _seal() -> Iterator[bytes]:
    for plan in (s.SealPlan(), s.SealPlan(family="v1", version=1), s.SealPlan(version=5), s.SealPlan(list_type=2)):
        yield plan.build()
    for path in sorted((PUBLISHED / "ofd" / "seals").glob("*.esl")):
        yield path.read_bytes()


SIGNED_XML = (m.enveloped(), m.enveloped(steps=(m.ENVELOPED, m.INCLUSIVE)), m.enveloped(steps=(m.ENVELOPED,)))


def _xml() -> Iterator[bytes]:
    for folder in ("xmldsig-signxml", "xmldsig-xmlsec"):
        for path in sorted((PUBLISHED / folder).rglob("*.xml")):
            yield path.read_bytes()
    yield from SIGNED_XML
    yield b'<policy><s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#" Id="a"/></policy>'


def _token() -> Iterator[bytes]:
    token = s.time_stamp(sm3(CONTENT))
    yield token
    yield s.seq(s.seq(s.integer(0)), token)


def _certificate() -> Iterator[bytes]:
    for holder in (s.SIGNER, s.RSA_SIGNER, s.TSA, s.ROOT, s.MAKER):
        yield holder.certificate
    for kind in ("p256", "ed25519"):
        yield issue("Insurer", root(kind=kind), kind=kind).certificate


def _revocation() -> Iterator[bytes]:
    yield from s.LISTS
    top = root(kind="p256")
    yield ocsp_response(top, issue("Insurer", top, kind="p256"))


_SEEDS = {
    "ofd": _ofd,
    "ofd-part": _ofd_part,
    "pdf": _pdf,
    "cms": _cms,
    "ses": _ses,
    "seal": _seal,
    "xml": _xml,
    "timestamp": _token,
    "certificate": _certificate,
    "revocation": _revocation,
}
