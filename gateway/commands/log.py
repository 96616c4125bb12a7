"""`gateway log`: the whole log recomputed by anybody, from a folder or a server."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.errors import Misconfigured
from gateway.ledger.audit import audit
from gateway.ledger.checkpoint import read_checkpoint
from gateway.ledger.fetch import Fetch, fetch_from_folder, fetch_from_url
from gateway.ledger.note import NoteRefused
from gateway.ledger.tiles import ENTRIES, Tile, tiles_of
from schemas.verification import Outcome

_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}


def audit_log(folder: Path | None, url: str | None, key: Path | None) -> int:
    """Recompute every hash up to the signed root; print the report. Without `key` the log's own word for it is used."""
    fetch = _fetch(folder, url)
    try:
        keys = key.read_text(encoding="utf-8") if key else fetch("key").decode()
        report = audit(fetch, keys, at=datetime.now(UTC))
    except (OSError, NoteRefused, UnicodeDecodeError) as error:
        raise Misconfigured(f"the log's key cannot be read: {error}") from error
    sys.stdout.buffer.write(orjson.dumps(report.model_dump(mode="json", exclude_none=True)) + b"\n")
    return _EXIT[report.outcome]


def copy_log(url: str, folder: Path) -> int:
    """Copy a served log to `folder`, the checkpoint last; the number of its entries. Nothing is believed: audit it."""
    fetch = _fetch(None, url)
    note = fetch("checkpoint")
    size = read_checkpoint(note.decode().split("\n\n")[0] + "\n").size
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key").write_bytes(fetch("key"))
    for tile in tiles_of(size):
        _copy(fetch, folder, tile)
        if tile.level == 0:
            _copy(fetch, folder, Tile(ENTRIES, tile.index, tile.width))
    (folder / "checkpoint").write_bytes(note)
    return size


def _copy(fetch: Fetch, folder: Path, tile: Tile) -> None:
    file = folder / "tile" / tile.path()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(fetch(f"tile/{tile.path()}"))


def _fetch(folder: Path | None, url: str | None) -> Fetch:
    if folder is not None:
        return fetch_from_folder(folder)
    address = (url or "").rstrip("/")
    return fetch_from_url(address if address.endswith("/v1/log") else f"{address}/v1/log")
