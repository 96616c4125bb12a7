"""The log over HTTP: C2SP tlog-tiles below `/v1/log`, and a proof of one leaf for those who do not read tiles.

Anyone may read: the log holds digests and identities only, and witnesses and auditors have no key with us.
"""

from fastapi import APIRouter
from starlette.responses import Response

from gateway.ledger import store
from gateway.ledger.export import key_text
from gateway.ledger.note import key_of
from gateway.ledger.proofs import NotInLog, prove
from gateway.ledger.tiles import Tile, read_tile_path, width_at
from gateway.params import Db, State
from gateway.problems import NotFound
from schemas.log import LogProof

router = APIRouter(tags=["log"])

_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
_MUTABLE = {"Cache-Control": "no-cache"}


@router.get("/v1/log/checkpoint", response_class=Response)
async def get_checkpoint(connection: Db) -> Response:
    """The latest signed checkpoint (C2SP tlog-checkpoint), with the cosignatures of witnesses that have come in."""
    if last := await store.find_last_checkpoint(connection):
        note = await store.read_cosigned(connection, last)
        return Response(note, media_type="text/plain; charset=utf-8", headers=_MUTABLE)
    raise NotFound("nothing is published yet", detail_zh="日志尚未发布")


@router.get("/v1/log/key", response_class=Response)
async def get_key(gateway: State) -> Response:
    """The verifier keys of the log, a line each (C2SP signed-note). Compare them with what you were given otherwise."""
    keys = [key_of(gateway.config.log_origin, signer) for signer in gateway.log_signers]
    return Response(key_text(keys), media_type="text/plain; charset=utf-8", headers=_MUTABLE)


@router.get("/v1/log/tile/{path:path}", response_class=Response)
async def get_tile(path: str, connection: Db) -> Response:
    """A tile or entry bundle, `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, once a checkpoint covers it."""
    if (tile := _find_tile(path)) and (content := await _read_published(connection, tile)) is not None:
        return Response(content, media_type="application/octet-stream", headers=_IMMUTABLE)
    raise NotFound(f"the log has no tile {path[:80]}", detail_zh=f"日志中没有此分块：{path[:80]}")


@router.get("/v1/log/proof/{index}")
async def get_proof(index: int, connection: Db, gateway: State) -> LogProof:
    """The proof that leaf `index` is in the log; without an inclusion path until a checkpoint covers it."""
    try:
        return await prove(connection, index, origin=gateway.config.log_origin)
    except NotInLog as error:
        raise NotFound(str(error), detail_zh=f"日志中没有第 {index} 条") from error


def _find_tile(path: str) -> Tile | None:
    try:
        return read_tile_path(path)
    except ValueError:
        return None


async def _read_published(connection: Db, tile: Tile) -> bytes | None:
    """The tile as the latest checkpoint covers it: what it does not cover could still come out otherwise."""
    last = await store.find_last_checkpoint(connection)
    if last is None or tile.width > width_at(tile.level, tile.index, last.size):
        return None
    return await store.read_content(connection, tile)
