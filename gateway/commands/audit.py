"""`gateway log audit --config`: the database against the log, and the verdicts against the raw messages."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache, partial
from multiprocessing import get_context

import orjson

from gateway.app import build, judges_of
from gateway.audit.replay import list_premiums, replay_premium
from gateway.audit.run import Database, audit
from gateway.blobs.evidence import stores_of
from gateway.config import Config
from gateway.db import embedded, migrate, new_pool
from gateway.errors import Misconfigured
from gateway.keys import load_previous
from gateway.ledger.asking import known_witnesses
from gateway.ledger.ends import Ended, read_ends
from gateway.ledger.note import NoteKey, key_of
from gateway.shown import Language, visible
from gateway.state import Gateway
from gateway.submissions.gather import Judges
from gateway.submissions.group import PolicyKey
from schemas.canonical import as_json
from schemas.verification import Check, Outcome

_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}
_EVERY = 1.0  # seconds between two words of progress
_RAW = {"ed25519": 32, "sm2-sm3": 65}  # bytes of the public key, the last of its SPKI
_BATCH = 25  # premiums
_WORDS = {
    "zh": {
        "entries": "已核对日志条目 {} / {}",
        "replayed": "已重算保费 {} / {}",
        "passed": "未发现问题",
        "found": "发现问题",
    },
    "en": {
        "entries": "{} of {} entries",
        "replayed": "{} of {} premiums replayed",
        "passed": "nothing found",
        "found": "findings",
    },
}


def audit_database(
    config: Config,
    *,
    replay: str | None,
    after: str | None,
    jobs: int,
    as_json: bool,
    language: Language,
) -> int:
    """Each finding as a line, then what it comes to. 0 if nothing is found, 1 if something is wrong, 2 if something
    could not be known.

    `replay` is a number of premiums, or `all`: their verdicts are computed again from the raw messages. With `after`
    (INSURER/POLICY_NO) an interrupted replay goes on behind that premium, and the rest is not audited again.
    """
    sample = None if replay in (None, "all") else _number(str(replay))
    start = _key(after) if after else None
    if start is not None and replay is None:
        raise Misconfigured("--after is where a replay goes on: give --replay too")
    told = _Told(as_json, language)
    with ExitStack() as stack:
        dsn = config.dsn or stack.enter_context(embedded(config.data_dir.resolve() / "postgres"))
        migrate(dsn)
        config = config.model_copy(update={"dsn": dsn})
        gateway = build(config)
        if start is None:
            database = Database(
                dsn,
                config.participants,
                known_witnesses(config),
                stores_of(config),
                config.evidence_store_timeout_seconds,
                planned_ends(config),
            )
            for check in audit(database, log_keys(gateway), jobs=jobs, progress=told.entries):
                told.finding(check)
        if replay is not None:
            for check in _replay(config, start, sample, jobs, told.replayed):
                told.finding(check)
    return told.end()


def log_keys(gateway: Gateway) -> tuple[NoteKey, ...]:
    """The keys under which the log's checkpoints are believed: those in use, and those before them."""
    origin = gateway.config.log_origin
    previous = [
        NoteKey(origin, "ed25519" if key.algorithm == "ed25519" else "sm2-sm3", key.spki()[-_RAW[key.algorithm] :])
        for key in load_previous(gateway.config.previous_keys)
        if key.algorithm in _RAW
    ]
    return (*(key_of(origin, signer) for signer in gateway.log_signers), *previous)


def planned_ends(config: Config) -> tuple[Ended, ...]:
    """Until when the keys before those in use were to count."""
    return read_ends(orjson.dumps([as_json(key) for key in load_previous(config.previous_keys)]))


def _number(text: str) -> int:
    if not (text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise Misconfigured(f"--replay {text}: a number of premiums, or all")
    return int(text)


def _key(text: str) -> PolicyKey:
    insurer, slash, policy_no = text.partition("/")
    if not slash:
        raise Misconfigured(f"{text}: write INSURER/POLICY_NO")
    return insurer, policy_no


def _replay(
    config: Config,
    after: PolicyKey | None,
    sample: int | None,
    jobs: int,
    progress: Callable[[int, int, PolicyKey], None],
) -> Iterator[Check]:
    keys = asyncio.run(_list(config.dsn, after, sample))
    batches = [keys[place : place + _BATCH] for place in range(0, len(keys), _BATCH)]
    with ExitStack() as stack:
        over: Callable[..., Iterator[list[Check]]] = map
        if jobs > 1:
            over = stack.enter_context(ProcessPoolExecutor(jobs, get_context("spawn"))).map
        done = 0
        for batch, found in zip(batches, over(partial(_replay_batch, config), batches), strict=True):
            yield from found
            done += len(batch)
            progress(done, len(keys), batch[-1])


async def _list(dsn: str, after: PolicyKey | None, sample: int | None) -> list[PolicyKey]:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        return await list_premiums(connection, after, sample)


def _replay_batch(config: Config, keys: list[PolicyKey]) -> list[Check]:
    return asyncio.run(_replay_all(config, keys))


async def _replay_all(config: Config, keys: list[PolicyKey]) -> list[Check]:
    gateway, judges = _built(config)
    log_key = "".join(f"{key.line()}\n" for key in log_keys(gateway))
    found: list[Check] = []
    async with new_pool(config.dsn, 2) as pool, pool.connection() as connection:
        for key in keys:
            found += await replay_premium(
                connection,
                key,
                judges,
                gateway.catalogue,
                config.trust_dir,
                gateway.log_signers,
                log_key,
                datetime.now(UTC),
            )
    return found


@lru_cache(1)
def _built(config: Config) -> tuple[Gateway, Judges]:
    """Once for each process."""
    gateway = build(config)
    return gateway, judges_of(gateway)


class _Told:
    """Findings as they come on stdout, a word of progress a second on stderr."""

    def __init__(self, as_json: bool, language: Language) -> None:
        self._as_json = as_json
        self._words = _WORDS[language]
        self._last = time.monotonic()
        self._counts = {Outcome.FAILED: 0, Outcome.INDETERMINATE: 0}
        self._entries = self._premiums = 0

    def finding(self, check: Check) -> None:
        """One finding; what was erased by order, on record, is told and is none."""
        if check.outcome is not Outcome.PASSED:
            self._counts[check.outcome] += 1
        if self._as_json:
            _write(check.model_dump(mode="json", exclude_none=True))
        else:
            facts = " ".join(f"{name}={visible(str(value))}" for name, value in check.facts.items())
            print(f"{check.rule} {check.reason or check.outcome.value}  {facts}")

    def entries(self, done: int, of: int) -> None:
        """So many entries of so many are done."""
        self._entries = done
        self._say(self._words["entries"].format(done, of), last=done == of)

    def replayed(self, done: int, of: int, last: PolicyKey) -> None:
        """So many premiums are replayed; the last of them is where `--after` goes on."""
        self._premiums = done
        self._say(f"{self._words['replayed'].format(done, of)}  --after {last[0]}/{last[1]}", last=done == of)

    def _say(self, words: str, *, last: bool) -> None:
        if last or time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            print(words, file=sys.stderr)

    def end(self) -> int:
        """What it comes to; the exit code."""
        outcome = next((one for one, count in self._counts.items() if count), Outcome.PASSED)
        if self._as_json:
            _write(
                {
                    "outcome": outcome.value,
                    "entries": self._entries,
                    "replayed": self._premiums,
                    "findings": sum(self._counts.values()),
                }
            )
        elif outcome is Outcome.PASSED:
            print(self._words["passed"])
        else:
            print(f"{self._words['found']} {sum(self._counts.values())}")
        return _EXIT[outcome]


def _write(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
