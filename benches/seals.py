"""Judging the seals on one document, in one process, beside two floors of the same run.

The floor is what no verifier of these documents can leave out: digests (SM3 and SHA-256 of the document, SM3 of each
part that a signature refers to and of Signature.xml) and the verifications of signatures that are not the same on the
next document. A seal and its maker's signature, the chains and the revocation data are the same: they are kept, and no
part of it. Nor is the container: what an OFD costs to unpack before anything can be digested (bounds, sizes and
checksums, as `untrusted` reads it) is in the second floor, `ratio_unpacked`.
"""

import hashlib
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benches.line import Line, of_rates, seconds_of
from benches.market import world
from benches.verifications import Verifications, made_by
from schemas.verification import Outcome
from signing import TrustStore, verify_document
from signing.kept import forget
from untrusted import DOCUMENT, open_zip

_SEALED_BY = (("seal.ofd", "SANDBOX-C"), ("seal.pdf", "SANDBOX-B"))  # SM2 seals; RSA with SHA-256
_DOCUMENTS_A_SECOND = 30
_OFD = "application/ofd"


def run(seconds: float) -> Iterator[Line]:
    """OFD and PDF. Every document is judged once; keys and chains are in the caches of a running service."""
    at = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        world(at).trust_dir(Path(name) / "trust")
        trust = TrustStore.load(Path(name) / "trust")
    count = max(3, int(seconds * _DOCUMENTS_A_SECOND))
    for bench, code in _SEALED_BY:
        insurer = world(at).insurer(code)
        documents = [world(at).e_policy(insurer, world(at).policy(insurer, number)) for number in range(count + 3)]
        yield _judged(bench, documents, insurer.media_type, trust, at)


def _judged(bench: str, documents: list[bytes], media_type: str, trust: TrustStore, at: datetime) -> Line:
    def judge(document: bytes) -> None:
        if verify_document(document, trust=trust, at=at, media_type=media_type).outcome is not Outcome.PASSED:
            raise ValueError(f"{bench}: the document should have passed")

    def judge_first(document: bytes) -> float:
        forget()
        return seconds_of(partial(judge, document))

    taken = made_by(judge, documents[:3])
    unpack = _unpack if media_type == _OFD else _nothing
    values: list[float] = []
    floors: list[float] = []
    unpacked: list[float] = []
    for document in documents[3:]:
        took = seconds_of(partial(judge, document))
        least = seconds_of(partial(_floor, document, taken))
        values.append(1 / took)
        floors.append(1 / least)
        unpacked.append((least + seconds_of(partial(unpack, document))) / took)
    firsts = [judge_first(document) for document in documents[3:13]]
    return of_rates(
        bench,
        "documents per second",
        values,
        floors,
        documents=len(values),
        bytes=len(documents[-1]),
        milliseconds=_milliseconds(1 / value for value in values),
        milliseconds_with_empty_caches=_milliseconds(firsts),
        ratio_unpacked=round(statistics.median(unpacked), 4),
        verifications={"sm2": len(taken.sm2), "others": len(taken.others), "sm3": len(taken.sm3)},
    )


def _milliseconds(seconds: Iterable[float]) -> float:
    return round(1000 * statistics.median(seconds), 2)


def _floor(document: bytes, taken: Verifications) -> None:
    hashlib.sha256(document).digest()
    taken.repeat()


def _unpack(document: bytes) -> None:
    archive = open_zip(document, limits=DOCUMENT)
    for name in archive.names:
        archive.read(name)


def _nothing(document: bytes) -> None:
    """A PDF is not packed."""
