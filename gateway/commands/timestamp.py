"""`gateway log timestamp` and `gateway log timestamps`: have the log stamped now; judge every stamp, offline."""

import asyncio
import sys
from contextlib import ExitStack
from datetime import UTC, datetime

import orjson

from gateway.app import build
from gateway.config import Config
from gateway.db import embedded, migrate
from gateway.errors import Misconfigured
from gateway.state import Gateway
from gateway.timestamps import store
from gateway.timestamps.asking import NoStamp, new_client, stamp_due
from gateway.timestamps.chain import judge_stamps
from schemas.canonical import as_json
from schemas.verification import Outcome


def stamp_now(config: Config, name: str | None) -> int:
    """Ask every authority, or the one of this name, to stamp the last checkpoint; 0, or 1 if one did not."""
    known = [one.name for one in config.timestamp_authorities]
    if not known or (name is not None and name not in known):
        raise Misconfigured(f"timestamp_authorities: {name or 'none'} of {', '.join(known) or 'none'}")
    with ExitStack() as stack:
        return asyncio.run(_stamp(build(_with_database(config, stack)), name))


def list_stamps(config: Config) -> int:
    """Every stamp with the verdict on it, as JSON Lines. 0 if all prove their moment, 1 if one does not hold, 2 if one
    cannot be believed for now. Asks nobody: by the trust folder alone."""
    with ExitStack() as stack:
        return asyncio.run(_judge(build(_with_database(config, stack))))


def _with_database(config: Config, stack: ExitStack) -> Config:
    dsn = config.dsn or stack.enter_context(embedded(config.data_dir.resolve() / "postgres"))
    migrate(dsn)
    return config.model_copy(update={"dsn": dsn})


async def _stamp(gateway: Gateway, name: str | None) -> int:
    async with gateway.pool, new_client(gateway.config.timestamp_timeout_seconds) as client:
        try:
            made = await stamp_due(gateway, client, wanted=lambda one: name in (None, one), now=True)
        except NoStamp as error:
            print(f"gateway: {error}", file=sys.stderr)
            return 1
    for one in made:
        _write(
            {"authority": one.authority, "size": one.checkpoint, "moment": as_json(one.moment)}
            | {"lasts": as_json(one.lasts), "leaf_index": one.leaf_index}
        )
    return 0 if made else 1


async def _judge(gateway: Gateway) -> int:
    async with gateway.pool, gateway.pool.connection() as connection:
        stamps = await store.list_stamps(connection)
        notes = await store.read_notes(connection, [one.checkpoint for one in stamps])
    outcomes = set()
    for one in judge_stamps(stamps, notes, gateway.config.log_origin, gateway.trust, datetime.now(UTC)):
        outcomes.add(one.check.outcome)
        _write(one.check.model_dump(mode="json", exclude_none=True) | {"lasts": as_json(one.stamp.lasts)})
    return 1 if Outcome.FAILED in outcomes else 2 if Outcome.INDETERMINATE in outcomes else 0


def _write(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
