"""Versions of a mapping stand side by side, each known by the file that holds it."""

import hashlib
from pathlib import Path

import pytest
from translated import csv

from adapters import insurers, translate_with
from adapters.insurers import MAPPINGS
from adapters.versions import Versions, known
from schemas.canonical import canonical
from tests.candidates import candidate, shipped, versions

CODE = "DIA-CSV-LIST"


def test_what_is_shipped_is_known_by_code_and_version() -> None:
    assert known().codes() == tuple(MAPPINGS)
    for code, mapping in MAPPINGS.items():
        assert mapping.dialect == code
        assert known().shipped(code) is mapping
        assert known().find(code, mapping.version) is mapping
        assert known().of(code)[0] is mapping
    assert known().find(CODE, "9.9") is None
    assert known().find("NOBODY", "1.0") is None
    assert len({known().digest(mapping) for mapping in MAPPINGS.values()}) == len(MAPPINGS)


def test_a_later_version_stands_beside_the_shipped_one_and_names_itself(tmp_path: Path) -> None:
    later = candidate(tmp_path, "dia_csv_list", "1.1", ('"备注", kinds.text', '"备考", kinds.text'))
    both = versions(later)
    assert [one.version for one in both.of(CODE)] == ["1.0", "1.1"]
    assert both.shipped(CODE).version == "1.0"
    mapping = both.find(CODE, "1.1")
    assert mapping is later.MAPPING
    (row,) = translate_with(later.MAPPING, csv({}), insurer=CODE)
    assert {found.mapping for found in row.records[0].lineage.values()} == {"DIA-CSV-LIST/1.1"}


def test_the_digest_is_that_of_the_file_and_of_what_it_is_built_upon(tmp_path: Path) -> None:
    first = candidate(tmp_path, "dia_csv_list", "1.1")
    digest = versions(first).digest(first.MAPPING)
    assert digest != known().digest(known().shipped(CODE))
    assert versions(first).digest(first.MAPPING) == digest
    other = candidate(tmp_path, "dia_csv_list", "1.1", ('"批增": (', '"批加": ('))
    assert versions(other).digest(other.MAPPING) != digest
    # dia_east_txt takes names from dia_csv_list: a change there is a change here.
    files = [Path(str(shipped(name).__file__)) for name in ("dia_csv_list", "dia_east_txt")]
    both = canonical({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})
    assert known().digest(known().shipped("DIA-EAST-TXT")) == f"sha256:{hashlib.sha256(both).hexdigest()}"


def test_a_version_that_stands_twice_or_follows_nothing_is_no_version(tmp_path: Path) -> None:
    same = candidate(tmp_path, "dia_csv_list", "1.0")
    with pytest.raises(ValueError, match="stands twice"):
        versions(same)
    with pytest.raises(ValueError, match="shipped in two versions"):
        Versions([insurers.dia_csv_list, candidate(tmp_path, "dia_csv_list", "1.1")])
    stranger = candidate(tmp_path, "dia_csv_list", "1.2", ('dialect="DIA-CSV-LIST"', 'dialect="NOBODY"'))
    with pytest.raises(ValueError, match="follows no mapping"):
        versions(stranger)
