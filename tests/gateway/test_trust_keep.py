"""Files get into a trust folder whole, or not at all, and one writer at a time."""

import threading
import time
from pathlib import Path

import pytest

from gateway.trust.items import read_items
from gateway.trust.keep import armoured, locked, write_whole
from tests.signing.authority import root


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "crl" / "list.crl"
    versions = [bytes([number]) * 300_000 for number in range(20)]
    write_whole(file, versions[0])
    over = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not over.is_set():
            seen.add(file.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for version in versions:
        write_whole(file, version)
    over.set()
    reader.join()
    assert seen <= set(versions)
    assert [entry.name for entry in file.parent.iterdir()] == ["list.crl"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"content")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path):
            order.append("second")

    with locked(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.1)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_a_certificate_in_pem_is_the_same_certificate() -> None:
    der = root(kind="p256").certificate
    assert [item.der for item in read_items(armoured(der))] == [der]
