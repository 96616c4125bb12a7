"""Every sample gives exactly its expected output, and is mistaken for no other dialect."""

from pathlib import Path

import pytest
from translated import everything, expected, records, told

from adapters.insurers import MAPPINGS
from adapters.run import lint
from tests.shared import shared

SAMPLES = shared("domain/samples")


def sources(*dialects: str) -> list[Path]:
    found = [path for name in dialects for path in sorted((SAMPLES / name).iterdir())]
    return [path for path in found if ".expected." not in path.name]


OURS = sources(*(code for code in MAPPINGS if (SAMPLES / code).is_dir()))
DIALECTS = [path.name for path in sorted(SAMPLES.iterdir()) if path.is_dir()]


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_sample_gives_its_expected_output(path: Path) -> None:
    rows = everything(path.parent.name, path.read_bytes(), file_name=path.name)
    wanted, problems = expected(path.with_name(f"{path.name.split('.')[0]}.expected.jsonl"))
    assert records(rows) == wanted
    assert told(rows) == problems


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_sample_is_recognised(path: Path) -> None:
    assert lint(path)["dialect"] == path.parent.name


@pytest.mark.parametrize("code", MAPPINGS)
def test_another_dialect_gives_no_record(code: str) -> None:
    for path in (path for path in sources(*DIALECTS) if path.parent.name != code):
        assert records(everything(code, path.read_bytes(), file_name=path.name)) == [], path


def test_a_file_without_a_name_is_read_the_same() -> None:
    for path in OURS:
        named = everything(path.parent.name, path.read_bytes(), file_name=path.name)
        assert records(everything(path.parent.name, path.read_bytes())) == records(named)


def test_every_value_of_every_record_has_a_lineage() -> None:
    for path in OURS:
        for row in everything(path.parent.name, path.read_bytes(), file_name=path.name):
            for draft in row.records:
                stated = set(_paths(draft.record, ""))
                known = set(draft.lineage)
                missing = {path for path in stated if not any(path == k or path.startswith(f"{k}.") for k in known)}
                assert not missing, (path, missing)
                assert all(any(p == k or p.startswith(f"{k}.") for p in stated) for k in known)


def _paths(value: object, path: str) -> list[str]:
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in _paths(item, f"{path}.{name}" if path else name)]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [found for index, item in enumerate(value) for found in _paths(item, f"{path}.{index}")]
    return [path]
