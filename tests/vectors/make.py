"""The sealed documents of tests/vectors/seals and the trust folder that judges them: `python tests/vectors/make.py`.

Each document is one attack, or one thing that must pass. The same run gives the same bytes on every machine. What must
come of it stands beside it: the outcome, and the rules that must not pass, no more and no fewer.
"""

from collections.abc import Iterator

from vector import HERE, Vector, s
from vectors_container import containers
from vectors_coverage import coverage
from vectors_names import names
from vectors_passing import passing, passing_pdfs
from vectors_pdf import pdfs
from vectors_references import references
from vectors_seal import transplants
from vectors_time import times
from vectors_value import values

FOLDER = HERE / "seals"
TRUST = HERE / "trust"


def all_vectors() -> Iterator[Vector]:
    """Every vector, in the order of its file."""
    for make in (passing, passing_pdfs, references, coverage, transplants, times, values, containers, pdfs, names):
        yield from make()


def main() -> None:
    """Write every document and its description, and the trust folder."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    s.write_trust(TRUST)
    for vector in all_vectors():
        (FOLDER / f"{vector.name}.toml").write_text(vector.toml(), encoding="utf-8")
        (FOLDER / f"{vector.name}.{vector.suffix}").write_bytes(vector.data)
        if vector.detached is not None:
            (FOLDER / f"{vector.name}.sig").write_bytes(vector.detached)


if __name__ == "__main__":
    main()
