"""`gateway impact`: every premium that a cause touches, as one signed list; and, asked for, judged again."""

import asyncio
import base64
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.app import build, judges_of
from gateway.config import Config
from gateway.db import embedded, migrate
from gateway.errors import Misconfigured
from gateway.shown import Language, visible
from gateway.state import Gateway
from gateway.submissions.group import PolicyKey
from gateway.submissions.impact import Cause, Touched, UnknownCause, find_touched, read_cause, write_list
from gateway.submissions.rejudge import BATCH, Change, rejudge
from schemas.money import ZERO, Yuan, total

_EVERY = 1.0  # seconds between two words of progress
_WORDS = {
    "zh": {
        "touched": "涉及保费",
        "at_stake": "涉及净实收",
        "progress": "已重新核验 {} / {}",
        "changed": "结论改变",
        "none": "没有涉及的保费。",
        "kept": "未改动任何记录；加 --apply 落账",
        "applied": "已追加新修订，变更流与日志已更新",
    },
    "en": {
        "touched": "premiums touched",
        "at_stake": "net paid at stake",
        "progress": "{} of {} judged again",
        "changed": "verdicts that change",
        "none": "No premium is touched.",
        "kept": "nothing was changed; --apply appends the revisions",
        "applied": "new revisions are appended; feed and log say so",
    },
}


@dataclass(slots=True)
class _List:
    """The list as it grows."""

    touched: list[Touched] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def show_impact(
    config: Config, because: str, *, judge: bool, apply: bool, after: str | None, as_json: bool, language: Language
) -> int:
    """List what a cause touches; with `judge` what judging again would change, with `apply` change it.

    One JSON object with `as_json`: the list, signed by the gateway's key over its canonical form (RFC 8785). `after` is
    INSURER/POLICY_NO, where an interrupted run goes on. 0 if nothing is touched or changes, else 1. Raises
    `Misconfigured` on a cause that is none.
    """
    try:
        cause = read_cause(because)
    except UnknownCause as error:
        raise Misconfigured(str(error)) from error
    start = _key(after) if after else None
    with ExitStack() as stack:
        dsn = config.dsn or stack.enter_context(embedded(config.data_dir.resolve() / "postgres"))
        migrate(dsn)
        gateway = build(config.model_copy(update={"dsn": dsn}))
        told = _Progress(language)
        found = asyncio.run(_run(gateway, cause, start, judge=judge or apply, apply=apply, progress=told.say))
        body = _body(cause, found, gateway.clock(), judged=judge or apply, applied=apply)
        if as_json:
            sys.stdout.buffer.write(_signed(body, gateway) + b"\n")
        else:
            _print(body, language, judged=judge or apply, applied=apply)
    moved = found.changes if judge or apply else found.touched
    return 1 if moved else 0


def _key(text: str) -> PolicyKey:
    insurer, slash, policy_no = text.partition("/")
    if not slash:
        raise Misconfigured(f"{text}: write INSURER/POLICY_NO")
    return insurer, policy_no


async def _run(
    gateway: Gateway,
    cause: Cause,
    after: PolicyKey | None,
    *,
    judge: bool,
    apply: bool,
    progress: Callable[[int, int, PolicyKey], None],
) -> _List:
    found = _List()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(gateway.pool)
        connection = await stack.enter_async_context(gateway.pool.connection())
        async for one in find_touched(connection, cause):
            if after is None or one.key > after:
                found.touched.append(one)
        if judge:
            judges = judges_of(gateway)
            for place in range(0, len(found.touched), BATCH):
                keys = [one.key for one in found.touched[place : place + BATCH]]
                found.changes += await rejudge(connection, keys, judges, gateway.clock(), rehearse=not apply)
                progress(min(place + BATCH, len(found.touched)), len(found.touched), keys[-1])
    return found


class _Progress:
    """A word of progress a second, on stderr; the last key is where `--after` goes on."""

    def __init__(self, language: Language) -> None:
        self._words = _WORDS[language]
        self._last = time.monotonic()

    def say(self, done: int, of: int, last: PolicyKey) -> None:
        """So many of so many are done, the last of them this one."""
        if time.monotonic() - self._last >= _EVERY or done == of:
            self._last = time.monotonic()
            print(f"{self._words['progress'].format(done, of)}  --after {last[0]}/{last[1]}", file=sys.stderr)


def _body(cause: Cause, found: _List, at: datetime, *, judged: bool, applied: bool) -> dict[str, Any]:
    stakes = total(one.net_paid for one in found.touched if one.status == "verified")
    body: dict[str, Any] = {
        "type": "impact_list",
        "because": str(cause),
        "at": at.astimezone(UTC).isoformat(),
        "touched": len(found.touched),
        "at_stake": str(stakes),
        "premiums": [one.as_json() for one in found.touched],
    }
    if judged:
        body["applied"] = applied
        body["changes"] = [_change(change) for change in found.changes]
        body["clawback"] = str(total(_clawback(found.changes)))
    return body


def _change(change: Change) -> dict[str, Any]:
    premium = change.premium
    entry: dict[str, Any] = {
        "insurer": premium.insurer,
        "policy_no": premium.policy_no,
        "revision": premium.revision,
        "before": change.before,
        "after": premium.status,
        "failing": list(premium.report.failing()),
    }
    if premium.impact is not None:
        entry["impact"] = premium.impact.model_dump(mode="json", exclude_none=True)
    return entry


def _clawback(changes: Sequence[Change]) -> list[Yuan]:
    return [one.premium.impact.clawback if one.premium.impact else ZERO for one in changes]


def _signed(body: dict[str, Any], gateway: Gateway) -> bytes:
    """The list with the gateway's signature over its canonical form."""
    written = write_list(body)
    signature = {
        "keyid": gateway.signer.keyid,
        "algorithm": gateway.signer.algorithm,
        "over": "rfc8785",
        "value": base64.b64encode(gateway.signer.sign(written)).decode(),
    }
    return written[:-1] + b',"signature":' + orjson.dumps(signature) + b"}"


def _print(body: dict[str, Any], language: Language, *, judged: bool, applied: bool) -> None:
    words = _WORDS[language]
    if not body["premiums"]:
        print(words["none"])
        return
    print(f"{visible(body['because'])} · {words['touched']} {body['touched']} · {words['at_stake']} {body['at_stake']}")
    for one in body["changes"] if judged else body["premiums"]:
        name = f"{visible(one['insurer'])} {visible(one['policy_no'])}"
        if judged:
            print(f"  {name}  {one['before']} → {one['after']}  {' '.join(one['failing'])}")
        else:
            print(f"  {name}  {one['status']}  {one['at_stake']}")
    if judged:
        print(f"{words['changed']} {len(body['changes'])} · {words['applied'] if applied else words['kept']}")
