"""A sample that changed in any one place is refused, or told of, or says what it said; never something else."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mutations import leaves, mutations
from translated import everything, told

from adapters import Row
from adapters.insurers import MAPPINGS
from sandbox.messages import policy_list
from sandbox.world import World
from tests.shared import shared

SAMPLES = shared("domain/samples")
FILES = [
    path
    for code in MAPPINGS
    if (SAMPLES / code).is_dir()
    for path in sorted((SAMPLES / code).iterdir())
    if ".expected." not in path.name
]

# What follows from what was left out, and is what the format says of it (DIALECTS): path and value.
FOLLOWS = {
    # 3: a change without 批改类型 whose 备注 does not say 退保 goes by its sign.
    (".kind", '"decrease"'),
    (".premium_change.gross", '"-600000.00"'),
    # 5: a co-insurer without code goes by its name; a last day without hour counts whole.
    (".coinsurance.*.insurer", '"甲财险"'),
    (".period.end", '"2027-04-01"'),
}
UNCHECKED = frozenset({"day_close", "claim_summary", "filing"})  # DIALECTS 6: passed on as they are


def said(rows: list[Row]) -> dict[int, set[tuple[str, str]]]:
    """By row, the path and value of everything that came out of it."""
    found: dict[int, set[tuple[str, str]]] = {}
    for row in rows:
        for draft in row.records:
            if draft.type not in UNCHECKED:
                found.setdefault(row.row, set()).update(leaves(draft.record))
    return found


def noted(row: Row) -> set[str]:
    """The fields of a row that a note is about."""
    return {f".{problem.field}" for problem in row.problems}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_changed_sample_never_says_something_else(path: Path) -> None:
    code, data = path.parent.name, path.read_bytes()
    before = said(everything(code, data, file_name=path.name))
    if code == "DIA-CRS-CSV":  # the first good row of a certificate is its policy, whichever row that is
        whole = {leaf for leaves_of_row in before.values() for leaf in leaves_of_row}
        before = dict.fromkeys(before, whole)
    wrong, count = [], 0
    for what, changed in mutations(code, data):
        count += 1
        rows = everything(code, changed, file_name=path.name)
        notes = {row.row: noted(row) for row in rows}
        for number, values in said(rows).items():
            # What was refused before, and is no longer because just that is gone, says nothing else than it said.
            if number not in before:
                continue
            other = values - before[number] - FOLLOWS
            if other := {leaf for leaf in other if leaf[0] not in notes[number]}:
                wrong.append((what, number, sorted(other)))
    assert count > 20
    assert not wrong, "\n".join(map(str, wrong[:40]))


@pytest.mark.parametrize("header", ["累计责任限额", "应收保费", "费率"])
@pytest.mark.parametrize("unit", ["元", "千元", "万元", "亿元", "%", "‰"])
def test_another_unit_in_one_header_is_contradicted_by_the_rate(header: str, unit: str) -> None:
    """The rate times the limit is the premium: a column that slipped to another unit is told of, or says the same."""
    data = CSV_LIST.decode("gb18030")
    before = said(everything("DIA-CSV-LIST", CSV_LIST))
    assert before
    changed = re.sub(f"{header}（[^）]*）", f"{header}（{unit}）", data)
    rows = everything("DIA-CSV-LIST", changed.encode("gb18030"))
    after = said(rows)
    assert all(after[row] == before[row] for row in after) or any(row.problems for row in rows)
    if changed != data:
        assert not after or told(rows) == {(2, "rate.mismatch", "rate_percent")}


WORLD = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
CSV_LIST = policy_list([WORLD.policy(WORLD.insurer("SANDBOX-B"), 1)], "SANDBOX-B")
