"""`gateway log`: the whole log recomputed by anybody, from a folder or a server."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.errors import Misconfigured
from gateway.ledger.audit import audit
from gateway.ledger.checkpoint import read_checkpoint
from gateway.ledger.ends import Ended, NotEnds, read_ends
from gateway.ledger.fetch import Fetch, fetch_from_folder, fetch_from_url
from gateway.ledger.note import NoteRefused
from gateway.ledger.tiles import ENTRIES, Tile, tiles_of
from schemas.verification import Outcome

_KEYS = "keys.json"
_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}


def audit_log(folder: Path | None, url: str | None, key: Path | None, published: Path | None = None) -> int:
    """Recompute every hash up to the signed root; print the report. Without `key` the log's own word for it is used.

    `published` is what `/v1/keys` answered: when keys ended. Without it the gateway is asked, or the copy, if they have
    it; what the log itself says of ends counts anyway.
    """
    fetch = _fetch(folder, url)
    try:
        keys = key.read_text(encoding="utf-8") if key else fetch("key").decode()
        ends = _ends(folder, url, published)
        report = audit(fetch, keys, at=datetime.now(UTC), ends=ends)
    except (OSError, NoteRefused, NotEnds, UnicodeDecodeError) as error:
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
    with suppress(FileNotFoundError):  # a host of tiles alone does not say it
        (folder / _KEYS).write_bytes(_fetch_keys(url))
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


def _ends(folder: Path | None, url: str | None, published: Path | None) -> tuple[Ended, ...]:
    try:
        if published is not None:
            return read_ends(published.read_bytes())
        return read_ends((folder / _KEYS).read_bytes() if folder else _fetch_keys(url or ""))
    except FileNotFoundError:
        if published is not None:
            raise
        return ()


def _fetch_keys(url: str) -> bytes:
    """What the gateway says of its keys; FileNotFoundError if this is no gateway."""
    return fetch_from_url(url.rstrip("/").removesuffix("/v1/log") + "/v1")("keys")


def _fetch(folder: Path | None, url: str | None) -> Fetch:
    if folder is not None:
        return fetch_from_folder(folder)
    address = (url or "").rstrip("/")
    return fetch_from_url(address if address.endswith("/v1/log") else f"{address}/v1/log")
