"""Judging the seals on one document, in one process; the floor is its digests and signature verifications alone."""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benches.line import Line, of_rates, seconds_of
from benches.market import world
from benches.verifications import Verifications, made_by
from schemas.verification import Outcome
from signing import TrustStore, verify_document

_SEALED_BY = (("seal.ofd", "SANDBOX-C"), ("seal.pdf", "SANDBOX-B"))  # SM2 seals; RSA with SHA-256
_DOCUMENTS_A_SECOND = 30


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

    taken = made_by(judge, documents[:3])
    values: list[float] = []
    floors: list[float] = []
    for document in documents[3:]:
        values.append(1 / seconds_of(partial(judge, document)))
        floors.append(1 / seconds_of(partial(_floor, document, taken)))
    return of_rates(
        bench,
        "documents per second",
        values,
        floors,
        documents=len(values),
        bytes=len(documents[-1]),
        verifications={"sm2": len(taken.sm2), "others": len(taken.others), "sm3": len(taken.sm3)},
    )


def _floor(document: bytes, taken: Verifications) -> None:
    hashlib.sha256(document).digest()
    taken.repeat()
