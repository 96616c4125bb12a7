"""What is kept changes no verdict: every document gives the same report with caches and without, in any order."""

import gc
import inspect
import random
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sealing as s
from published import vectors

from schemas.verification import Report
from signing import TrustStore, Unreadable, verify_document
from signing.kept import _FEW, Kept, forget, forgetting, kept
from signing.sm2 import is_point
from signing.trust import Policy

FOLDER = Path(__file__).parents[1] / "vectors"


def ours() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    trust = TrustStore.load(FOLDER / "trust")
    for path in sorted((FOLDER / "seals").glob("*.toml")):
        vector = tomllib.loads(path.read_text(encoding="utf-8"))
        detached = (path.parent / vector["detached"]).read_bytes() if "detached" in vector else None
        arguments = {"trust": trust, "at": vector["at"], "detached": detached}
        yield path.stem, (path.parent / vector["document"]).read_bytes(), arguments


def theirs() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    lax = Policy(revocation="if-available", allow_v5=True, allow_test_certificates=True, allow_unattributed_pdf=True)
    for suite in ("ofd", "pdf"):
        folder = vectors(suite)
        for path in sorted(folder.rglob("*.*")):
            if path.suffix in (".ofd", ".pdf", ".esl", ".dat"):
                yield path.name, path.read_bytes(), {"trust": TrustStore(policy=lax), "at": AT}


AT = datetime(2026, 6, 1, tzinfo=UTC)


def judged(document: bytes, arguments: dict[str, Any]) -> Report | tuple[str, str]:
    try:
        return verify_document(document, **arguments)
    except Unreadable as error:
        return error.rule, error.detail


def functions_that_keep(package: str) -> set[Any]:
    """The functions of a package that keep what they answered in a cache of their own."""
    return {
        one
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == package and module is not None
        for one in vars(module).values()
        if callable(getattr(one, "cache_clear", None)) and inspect.signature(one).parameters
    }


def forget_everything() -> None:
    """What the door keeps too: it has no switch, since it keeps names of entries only."""
    forget()
    for one in functions_that_keep("untrusted"):
        one.cache_clear()


def compare(cases: list[tuple[str, bytes, dict[str, Any]]]) -> None:
    """Each case with caches off, with empty ones, and with what it and all others have left in them, in any order."""
    afresh = {}
    for name, document, arguments in cases:
        with forgetting():
            afresh[name] = judged(document, arguments)
    for name, document, arguments in cases:
        forget_everything()
        assert judged(document, arguments) == afresh[name], name
        assert judged(document, arguments) == afresh[name], name
    random.Random(7).shuffle(cases)
    for name, document, arguments in cases:
        assert judged(document, arguments) == afresh[name], name


def test_every_function_that_keeps_answers_forgets_them_when_asked() -> None:
    registered = set(_FEW)
    assert len(registered) >= 9
    assert functions_that_keep("signing") <= registered
    few = next(one for one in _FEW if one.__wrapped__.__name__ == "is_point")
    is_point(b"\x04" + bytes(64))
    assert few.cache_info().currsize
    with forgetting():
        assert not any(one.cache_info().currsize for one in registered)
        is_point(b"\x04" + bytes(64))
    assert not few.cache_info().currsize


def test_the_vectors_give_the_same_reports_without_caches() -> None:
    compare(list(ours()))


@pytest.mark.real
def test_the_published_documents_give_the_same_reports_without_caches() -> None:
    compare(list(theirs()))


def test_what_a_part_says_is_flagged_again_where_it_is_kept() -> None:
    """The list of an old namespace is flagged in each document that has it, not only in the first."""
    old = s.signature_list([s.Signing()]).replace(b"http://www.ofdspec.org/2016", b"http://www.ofdspec.org")
    reports = []
    for number in range(3):
        parts = s.sealed(parts={**s.content(), "Doc_0/Attachs/policy.xml": b"<policy/>" * (number + 1)})
        parts["Doc_0/Signs/Signatures.xml"] = old
        reports.append(verify_document(s.package(parts), trust=TrustStore.load(FOLDER / "trust"), at=AT))
    assert [report.seals[0].flags for report in reports] == [("namespace-nonstandard",)] * 3


def test_moments_and_stores_do_not_mix() -> None:
    """The same documents, judged by turns as of many moments and under several stores."""
    cases = [
        (name, document, arguments) for name, document, arguments in ours() if name.startswith(("sealed", "pdf-s"))
    ]
    loaded = cases[0][2]["trust"]
    stores = [
        loaded,
        TrustStore(),
        TrustStore(signers=loaded.signers, seal_makers=loaded.seal_makers, tsa=loaded.tsa),
        TrustStore(signers=loaded.seal_makers, seal_makers=loaded.signers, crls=loaded.crls),
        TrustStore(
            signers=loaded.signers, seal_makers=loaded.seal_makers, crls=loaded.crls, policy=Policy(allow_v5=True)
        ),
    ]
    chosen = random.Random(11)
    for _ in range(300):
        _, document, arguments = chosen.choice(cases)
        moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=chosen.randrange(6000), seconds=chosen.randrange(3))
        asked = {**arguments, "trust": chosen.choice(stores), "at": moment}
        found = judged(document, asked)
        with forgetting():
            assert judged(document, asked) == found


def test_threads_give_the_same_reports() -> None:
    cases = list(ours())[:60]
    expected = [judged(document, arguments) for _, document, arguments in cases]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda case: judged(case[1], case[2]), cases)) == expected


def test_what_is_kept_has_bounds() -> None:
    few: Kept[int, int] = Kept(3)
    for number in range(10):
        assert few.get(number, lambda number=number: number * 2) == number * 2
    assert len(few) == 3
    light: Kept[bytes, bytes] = Kept(100, 1000)
    for number in range(50):
        key = bytes([number]) * 90
        assert light.get(key, lambda key=key: key[::-1], len(key)) == key[::-1]
        assert light.weight <= 1000
    assert light.weight == 90 * len(light)
    assert light.get(b"x" * 2000, lambda: b"heavy", 2000) == b"heavy"
    assert b"x" * 2000 not in light._values
    asked = []

    @kept(2, 10)
    def length(octets: bytes) -> int:
        """How many there are."""
        asked.append(octets)
        return len(octets)

    assert [length(b"abc"), length(b"abc"), length(b"12345678901")] == [3, 3, 11]
    assert asked == [b"abc", b"12345678901"]
    assert length.__doc__ == "How many there are."
    few.forget()
    light.forget()
    assert (len(few), len(light), light.weight) == (0, 0, 0)
    with forgetting():
        assert length(b"abc") == 3
    assert asked == [b"abc", b"12345678901", b"abc"]


def test_every_cache_of_octets_has_a_bound() -> None:
    """A stranger sends as many certificates and lists as he likes: what he sends is not kept for ever."""
    caches = [one for one in gc.get_objects() if isinstance(one, Kept)]
    assert len(caches) > 8
    for cache in caches:
        assert 0 < cache._most <= 8192
        assert cache._heaviest <= 128 << 20
        assert len(cache) <= cache._most
        assert 0 <= cache.weight <= cache._heaviest
