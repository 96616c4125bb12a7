"""`gateway store`: what the evidence store has, and moving documents to it, from it, or to another one."""

import asyncio
import sys
from contextlib import ExitStack
from datetime import UTC, datetime

import orjson

from gateway.blobs.evidence import open_evidence
from gateway.blobs.move import check_stores, move
from gateway.blobs.objects import NoBytes
from gateway.config import Config
from gateway.db import embedded, migrate, new_pool

_UNKNOWN = ("unreachable",)
_HARMLESS = ("orphan",)


def check(config: Config, *, read: bool, finish: bool, as_json: bool) -> int:
    """Each finding as a line. 0 if nothing but orphans is found, 1 if something is wrong, 2 if a store is down.

    With `finish` what was erased by order and is there still is removed.
    """
    with ExitStack() as stack:
        return asyncio.run(_check(_with_database(config, stack), read, finish, as_json))


def move_all(config: Config, *, as_json: bool) -> int:
    """Move every document to where new ones go; what became of each as a line. 0 if all are there, 1 if one stays.

    Interrupted, it goes on with the rest the next time.
    """
    with ExitStack() as stack:
        return asyncio.run(_move(_with_database(config, stack), as_json))


def _with_database(config: Config, stack: ExitStack) -> Config:
    dsn = config.dsn or stack.enter_context(embedded(config.data_dir.resolve() / "postgres"))
    migrate(dsn)
    return config.model_copy(update={"dsn": dsn})


async def _check(config: Config, read: bool, finish: bool, as_json: bool) -> int:
    evidence = open_evidence(config)
    counts: dict[str, int] = {}
    removed = 0
    async with new_pool(config.dsn, 2) as pool, pool.connection() as connection:
        try:
            async for told in check_stores(connection, evidence, read=read):
                counts[told.finding] = counts.get(told.finding, 0) + 1
                line = {"finding": told.finding, "digest": told.digest, "where": told.where, "size": told.size}
                if finish and told.finding == "still-there":
                    await evidence.remove(told.digest)
                    removed += 1
                    counts[told.finding] -= 1
                    line["removed"] = True
                _tell(line, as_json)
        except NoBytes as error:
            counts["unreachable"] = counts.get("unreachable", 0) + 1
            _tell({"finding": "unreachable", "where": str(error)}, as_json)
    _tell({"outcome": {name: count for name, count in counts.items() if count}, "removed": removed}, as_json)
    if any(count for name, count in counts.items() if name not in (*_UNKNOWN, *_HARMLESS)):
        return 1
    return 2 if any(counts.get(name) for name in _UNKNOWN) else 0


async def _move(config: Config, as_json: bool) -> int:
    evidence = open_evidence(config)
    moved = stayed = 0
    async with new_pool(config.dsn, 2) as pool, pool.connection() as connection:
        try:
            async for one in move(connection, evidence, datetime.now(UTC)):
                moved, stayed = moved + (one.problem is None), stayed + (one.problem is not None)
                if one.problem is not None:
                    _tell({"digest": one.digest, "insurer": one.insurer, "stays": one.problem}, as_json)
        except NoBytes as error:
            stayed += 1
            _tell({"stays": str(error)}, as_json)
    _tell({"moved": moved, "stayed": stayed, "to": config.evidence_store}, as_json)
    return 1 if stayed else 0


def _tell(line: dict[str, object], as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()
    else:
        print("  ".join(f"{name}={value}" for name, value in line.items()))
