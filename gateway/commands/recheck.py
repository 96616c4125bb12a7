"""`gateway recheck`: everything judged again under what is known now, by so many processes, beside others that do."""

import asyncio
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

import orjson

from gateway.app import build, judges_of
from gateway.config import Config
from gateway.db import embedded, migrate, new_pool
from gateway.errors import Misconfigured
from gateway.shown import Language
from gateway.submissions.gather import Judges
from gateway.submissions.recheck import basis_of, is_done, recheck
from gateway.submissions.rejudge import BATCH
from gateway.submissions.rounds.store import Progress, find_progress
from schemas.canonical import as_json

_EVERY = 1.0  # seconds between two words of progress
_LOOK = 0.3  # seconds between two looks at what others are still at
_MOST_LOST = 20  # processes that may be killed before it is given up
_WORDS = {
    "zh": ("已重新核验 {passed} / {premiums}，改变 {changed}，每秒 {rate}，预计 {ends}", "本依据下已全部重新核验"),
    "en": ("{passed} of {premiums} judged again, {changed} changed, {rate} a second, done about {ends}", "all judged"),
}


def recheck_all(config: Config, *, jobs: int, size: int | None, as_json_: bool, language: Language) -> int:
    """Judge every premium that was not judged under the present basis; 0 when all are, by whoever.

    A process that is killed is replaced: what it was at is as before, and is judged by another. Progress goes to
    stderr. Raises `Misconfigured` if processes die again and again.
    """
    begun = time.monotonic()
    with ExitStack() as stack:
        dsn = config.dsn or stack.enter_context(embedded(config.data_dir.resolve() / "postgres"))
        migrate(dsn)
        config = config.model_copy(update={"dsn": dsn})
        told = _oversee(config, jobs, size or BATCH, language)
    if as_json_:
        seconds = round(time.monotonic() - begun, 3)
        sys.stdout.buffer.write(orjson.dumps({**_plain(told), "jobs": jobs, "seconds": seconds}) + b"\n")
    else:
        print(_WORDS[language][1])
    return 0


def _plain(told: Progress) -> dict[str, object]:
    names = ("basis", "premiums", "passed", "judged", "changed", "slices")
    return {name: getattr(told, name) for name in names} | {"begun_at": as_json(told.begun_at)}


def _oversee(config: Config, jobs: int, size: int, language: Language) -> Progress:
    """Keep so many processes at work until the round is over."""
    judges = judges_of(build(config))
    context = get_context("spawn")  # not forked: a fork of a process with threads and connections may hang
    workers: list[BaseProcess] = []
    lost, said = 0, 0.0
    try:
        while True:
            for one in [one for one in workers if not one.is_alive()]:
                workers.remove(one)
                lost += one.exitcode != 0
            if lost > _MOST_LOST:
                raise Misconfigured(f"{lost} processes ended before their work did; what they say stands above")
            found, is_over = asyncio.run(_look(config.dsn, judges))
            if is_over and found is not None:
                _say(found, language)
                return found
            while len(workers) < jobs:
                workers.append(context.Process(target=_work, args=(config, size), name="recheck"))
                workers[-1].start()
            if found is not None and time.monotonic() - said >= _EVERY:
                said = time.monotonic()
                _say(found, language)
            time.sleep(_LOOK)
    finally:
        for one in workers:
            one.terminate()
        for one in workers:
            one.join()


def _say(told: Progress, language: Language) -> None:
    ends = told.ends_at.astimezone().strftime("%H:%M:%S") if told.ends_at else "?"
    words = _WORDS[language][0]
    rate = round(told.per_second, 1) if told.per_second else "?"
    text = words.format(passed=told.passed, premiums=told.premiums, changed=told.changed, rate=rate, ends=ends)
    print(text, file=sys.stderr, flush=True)


async def _look(dsn: str, judges: Judges) -> tuple[Progress | None, bool]:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        found = await find_progress(connection, await basis_of(connection, judges))
    return found, found is not None and found.ended_at is not None


def _work(config: Config, size: int) -> None:
    """One process: until everything is judged, also what another was at when it was killed."""
    asyncio.run(_judge(config, size))


async def _judge(config: Config, size: int) -> None:
    gateway = build(config)
    # A connection for the round, one for what judging asks beside.
    gateway = replace(gateway, pool=new_pool(config.dsn, 2))
    judges = judges_of(gateway)
    async with gateway.pool:
        while True:
            if await recheck(gateway.pool, judges, gateway.clock, size=size) is None:
                async with gateway.pool.connection() as connection:
                    if await is_done(connection, judges):
                        return
                await asyncio.sleep(_LOOK)
