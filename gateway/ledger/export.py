"""Write the published log as files, so that anyone can serve or audit it without this service."""

from collections.abc import Sequence
from pathlib import Path

from gateway.db import Connection
from gateway.ledger import store
from gateway.ledger.checkpoint import Checkpoint, read_stored
from gateway.ledger.note import NoteKey
from gateway.ledger.proofs import NotInLog
from gateway.ledger.tiles import ENTRIES, Tile, tiles_of


async def export(connection: Connection, folder: Path, keys: Sequence[NoteKey]) -> Checkpoint:
    """Write the latest checkpoint, all its tiles and entry bundles, and the verifier keys to `folder`, by C2SP's paths.

    The checkpoint is written last: a folder without one is an export that did not end. Raises `NotInLog` before the
    first checkpoint.
    """
    last = await store.find_last_checkpoint(connection)
    if last is None:
        raise NotInLog("there is no checkpoint yet")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key").write_text(key_text(keys), encoding="utf-8")
    for tile in tiles_of(last.size):
        await _write(connection, folder, tile)
        if tile.level == 0:
            await _write(connection, folder, Tile(ENTRIES, tile.index, tile.width))
    note = await store.read_cosigned(connection, last)
    (folder / "checkpoint").write_bytes(note)
    return read_stored(note)


def key_text(keys: Sequence[NoteKey]) -> str:
    """The verifier keys, a line each."""
    return "".join(f"{key.line()}\n" for key in keys)


async def _write(connection: Connection, folder: Path, tile: Tile) -> None:
    content = await store.read_content(connection, tile)
    if content is None:
        raise NotInLog(f"tile {tile.path()} is not there")
    file = folder / "tile" / tile.path()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
