"""The registry of clause filings 条款备案 as it was known at one moment: an immutable value that checks are given."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType

from schemas.canonical import canonical
from schemas.filing import Filing, Source


def statement_of(filing: Filing) -> bytes:
    """What is stated about the clause, without when and where it was read, in canonical form."""
    return canonical(filing.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"source"}))


def statement_digest(filing: Filing) -> str:
    """The digest of `statement_of`: `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(statement_of(filing)).hexdigest()}"


class FilingRegistry:
    """What every source registry states, by registration number 条款注册号.

    `wholes` are the latest statements that a source made about *all* of its clauses; only such a statement says that a
    number does not exist, and it confirms every number it states as of its day. Several sources may state one number:
    then all of them count. `digest` identifies statements and days together, and goes into every report.
    """

    __slots__ = ("_by_insurer", "_by_number", "as_of", "digest", "known_at")

    def __init__(
        self,
        filings: Iterable[Filing] = (),
        wholes: Iterable[Source] = (),
        *,
        known_at: datetime | None = None,
        digests: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """`digests`, by source and number, are those of the statements, from where they are kept; else computed."""
        by_number: dict[str, tuple[Filing, ...]] = {}
        by_insurer: dict[str, list[Filing]] = {}
        lines: list[str] = []
        for filing in sorted(filings, key=lambda one: (one.registration_no, one.source.registry)):
            stated = by_number.get(filing.registration_no, ())
            if any(other.source.registry == filing.source.registry for other in stated):
                raise ValueError(f"{filing.source.registry} states {filing.registration_no} twice")
            by_number[filing.registration_no] = (*stated, filing)
            by_insurer.setdefault(filing.insurer, []).append(filing)
            key = (filing.source.registry, filing.registration_no)
            digest = digests[key] if digests is not None else statement_digest(filing)
            lines.append(f"{filing.source.registry}\n{filing.source.as_of}\n{digest}")
        self._by_number: Mapping[str, tuple[Filing, ...]] = MappingProxyType(by_number)
        self._by_insurer: Mapping[str, tuple[Filing, ...]] = MappingProxyType(
            {insurer: tuple(stated) for insurer, stated in by_insurer.items()}
        )
        self.as_of: Mapping[str, date] = MappingProxyType({whole.registry: whole.as_of for whole in wholes})
        self.known_at = known_at
        named = {"filings": lines, "wholes": {name: str(day) for name, day in self.as_of.items()}}
        self.digest = f"sha256:{hashlib.sha256(canonical(named)).hexdigest()}"

    def find(self, registration_no: str) -> tuple[Filing, ...]:
        """What the sources state about this number, one filing a source; empty if none does."""
        return self._by_number.get(registration_no, ())

    def of_insurer(self, insurer: str) -> tuple[Filing, ...]:
        """Every filing that any source states for the insurer, by number."""
        return self._by_insurer.get(insurer, ())

    def confirmed_on(self, filing: Filing) -> date:
        """The latest day as of which its source states the filing: its own, or that of the whole statement it is in."""
        return max(filing.source.as_of, self.as_of.get(filing.source.registry, filing.source.as_of))

    def wholes_of(self, insurer: str) -> Mapping[str, date]:
        """The sources that made a whole statement and state something of the insurer, with their days."""
        stating = {filing.source.registry for filing in self.of_insurer(insurer)}
        return {name: day for name, day in sorted(self.as_of.items()) if name in stating}

    def __len__(self) -> int:
        return sum(map(len, self._by_number.values()))
