"""A past that is kept comes back as it was, for a week, and under no other name."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.keeping import bring_back, find_kept, keep, place

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "world"
    (made / "data" / "postgres").mkdir(parents=True)
    (made / "data" / "postgres" / "base").write_bytes(b"\x00\x01")
    key = made / "gateway-key.pem"
    key.touch(mode=0o600)
    return made


def test_what_is_kept_comes_back(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "past-1"
    keep(folder, kept, AT)
    assert find_kept(kept, AT + timedelta(days=6)) == AT
    again = tmp_path / "again"
    bring_back(kept, again)
    found = {str(file.relative_to(again)): file.stat().st_mode for file in again.rglob("*")}
    assert found == {str(file.relative_to(folder)): file.stat().st_mode for file in folder.rglob("*")}
    assert (again / "data" / "postgres" / "base").read_bytes() == b"\x00\x01"


@pytest.mark.parametrize("later", [timedelta(days=7), timedelta(seconds=-1)])
def test_what_is_too_old_or_of_the_future_is_not_there(folder: Path, tmp_path: Path, later: timedelta) -> None:
    kept = tmp_path / "cache" / "past-1"
    keep(folder, kept, AT)
    assert find_kept(kept, AT + later) is None


@pytest.mark.parametrize("said", ["", "{}", "[]", '{"at": 1}', '{"at": "noon"}'])
def test_what_cannot_be_read_is_not_there(tmp_path: Path, said: str) -> None:
    (tmp_path / "kept.json").write_text(said)
    assert find_kept(tmp_path, AT) is None
    assert find_kept(tmp_path / "nothing", AT) is None


def test_one_world_is_kept_at_a_time(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "cache" / "past-1", tmp_path / "cache" / "past-2"
    keep(folder, first, AT)
    keep(folder, second, AT)
    assert find_kept(first, AT) is None
    assert find_kept(second, AT) == AT


def test_each_world_has_a_place_of_its_own() -> None:
    assert len({place(1, 2000), place(2, 2000), place(1, 300)}) == 3
    assert place(1, 2000) == place(1, 2000)
