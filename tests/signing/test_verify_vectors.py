"""Each vector of tests/vectors/seals gives the outcome and the failing rules that stand beside it, and no others."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from schemas.verification import Outcome
from signing.errors import Unreadable
from signing.trust import TrustStore
from signing.verify import verify_document

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = sorted((FOLDER / "seals").glob("*.toml"))


@pytest.fixture(scope="module")
def trust() -> TrustStore:
    return TrustStore.load(FOLDER / "trust")


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vector(path: Path, trust: TrustStore) -> None:
    vector: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    document = (path.parent / vector["document"]).read_bytes()
    detached = (path.parent / vector["detached"]).read_bytes() if "detached" in vector else None
    if vector["outcome"] == "unreadable":
        with pytest.raises(Unreadable) as raised:
            verify_document(document, trust=trust, at=vector["at"], detached=detached)
        assert [raised.value.rule] == vector["failing"]
        return
    report = verify_document(document, trust=trust, at=vector["at"], detached=detached)
    assert sorted(report.failing()) == sorted(vector["failing"])
    assert report.outcome.value == vector["outcome"]
    if "reason" in vector:
        assert report.reason == vector["reason"]
    assert {*vector.get("flags", ())} <= {flag for seal in report.seals for flag in seal.flags}
    assert (report.outcome is Outcome.PASSED) == (not vector["failing"])
    if report.outcome is Outcome.PASSED:
        assert all((seal.integrity, seal.trust) == ("passed", "trusted") for seal in report.seals)
        # Of the signatures of one holder on a PDF only the last covers all of it.
        assert report.seals[-1].coverage == "whole"
        assert all(seal.coverage == "whole" or seal.container == "pdf" for seal in report.seals)


def test_the_files_are_what_their_maker_writes() -> None:
    """A vector that was edited by hand would not say what it tests."""
    sys.path.insert(0, str(FOLDER))
    import make

    made = {vector.name: vector for vector in make.all_vectors()}
    assert {path.stem for path in VECTORS} == set(made)
    for name, vector in made.items():
        assert (FOLDER / "seals" / f"{name}.toml").read_text(encoding="utf-8") == vector.toml()
        assert (FOLDER / "seals" / f"{name}.{vector.suffix}").read_bytes() == vector.data, name


def test_every_attack_has_a_vector() -> None:
    """The list of attacks that every release is tested against."""
    attacks = {tomllib.loads(path.read_text(encoding="utf-8")).get("attack") for path in VECTORS}
    assert attacks - {None} == {f"A{number}" for number in range(1, 32)}
