"""`gateway adapter replay`: another version of a mapping over what is stored, and every difference field by field."""

import asyncio
import sys
import time
from datetime import UTC, date, datetime
from datetime import time as clock
from typing import Any

import orjson

from adapters.versions import Versions, known
from gateway.catalogue import Catalogue, load_catalogue
from gateway.config import Config
from gateway.db import DatabaseGone, embedded, new_pool
from gateway.entries import problem_entry
from gateway.errors import Misconfigured
from gateway.mappings.in_force import Reader, formats_of
from gateway.participants import Participant, load_participants
from gateway.replay import store
from gateway.replay.compare import Compared, Difference
from gateway.replay.replay import Tally, replay
from gateway.shown import Language, visible
from schemas.calendar import SHANGHAI
from schemas.canonical import as_json as plain

_EVERY = 1.0  # seconds between two words of progress
_WORDS = {
    "zh": {
        "differs": "读取结果不同",
        "newly_refused": "原已受理，新版本拒绝",
        "newly_accepted": "原被拒绝，新版本可读",
        "record": "第{}条记录",
        "gone": "新版本没有的记录",
        "new": "新版本多出的记录",
        "problem_gone": "不再有的问题",
        "problem_new": "新出现的问题",
        "absent": "（无）",
        "from": "来源",
        "progress": "已重放 {} / {} 份报文",
    },
    "en": {
        "differs": "reads otherwise",
        "newly_refused": "was accepted, would be refused",
        "newly_accepted": "was refused, would be accepted",
        "record": "record {}",
        "gone": "a record that the version does not find",
        "new": "a record that only the version finds",
        "problem_gone": "no longer a problem",
        "problem_new": "a new problem",
        "absent": "(absent)",
        "from": "from",
        "progress": "{} of {} messages replayed",
    },
}


def replay_stored(
    config: Config,
    insurer: str,
    mapping: str,
    *,
    since: date | None,
    limit: int | None,
    as_json: bool,
    language: Language,
    versions: Versions | None = None,
) -> int:
    """Replay and print: JSON Lines with `as_json`, last the summary for a proposal. 0 if all is equal, else 1.

    `mapping` is a version of the insurer's own format, or `CODE/VERSION`. 3 if the database cannot be read. Raises
    `Misconfigured` if there is no such insurer, format or version.
    """
    participant = load_participants(config.participants).find(insurer)
    if participant is None or participant.role != "insurer":
        raise Misconfigured(f"there is no insurer {insurer}")
    reader = _reader(participant, mapping, versions or known())
    moment = datetime.combine(since, clock(), SHANGHAI) if since else None
    printer = _Printer(load_catalogue(), language, as_json=as_json)
    try:
        if config.dsn:
            tally = asyncio.run(_replay(config.dsn, participant, reader, moment, limit, printer))
        else:
            with embedded(config.data_dir.resolve() / "postgres") as dsn:
                tally = asyncio.run(_replay(dsn, participant, reader, moment, limit, printer))
    except DatabaseGone as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 3
    printer.end(tally)
    return 0 if tally.counts["equal"] == tally.seen else 1


def _reader(insurer: Participant, mapping: str, versions: Versions) -> Reader:
    code, slash, version = mapping.rpartition("/")
    code = code if slash else formats_of(insurer)[0]
    if code not in formats_of(insurer):
        raise Misconfigured(f"{insurer.code} sends {' and '.join(formats_of(insurer))}, not {code}")
    found = versions.find(code, version)
    if found is None:
        has = ", ".join(one.version for one in versions.of(code))
        raise Misconfigured(f"there is no version {version} of {code}; this release has {has}")
    return Reader(found, versions.digest(found))


async def _replay(
    dsn: str, insurer: Participant, reader: Reader, since: datetime | None, limit: int | None, printer: "_Printer"
) -> Tally:
    tally = Tally(insurer.code, reader)
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        count = await store.count(connection, insurer.code, reader.mapping.dialect, since)
        total = min(count, limit) if limit is not None else count
        async for compared in replay(connection, insurer, reader, since=since, limit=limit):
            tally.add(compared, printer.line)
            printer.progress(tally.seen, total)
    return tally


class _Printer:
    """Lines to stdout, progress to stderr. The line of a message is the same whatever is shown."""

    def __init__(self, catalogue: Catalogue, language: Language, *, as_json: bool) -> None:
        self._catalogue = catalogue
        self._language: Language = language
        self._words = _WORDS[language]
        self._as_json = as_json
        self._told = time.monotonic()

    def line(self, compared: Compared) -> bytes:
        """Print what differs; the JSON line of it, in Chinese, so that it is the same whoever reads."""
        line = orjson.dumps(self._stated(compared, "zh")) + b"\n"
        if not self._as_json:
            print("\n".join(self._told_of(compared)))
        elif self._language == "zh":
            sys.stdout.buffer.write(line)
        else:
            sys.stdout.buffer.write(orjson.dumps(self._stated(compared, self._language)) + b"\n")
        return line

    def progress(self, seen: int, total: int) -> None:
        """Say how far it is, not too often."""
        if time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            print(self._words["progress"].format(seen, total), file=sys.stderr, flush=True)

    def end(self, tally: Tally) -> None:
        """The summary: with JSON the last line."""
        summary = plain(tally.summary())
        if self._as_json:
            sys.stdout.buffer.write(orjson.dumps({"summary": summary}) + b"\n")
        else:
            for name, value in summary.items():
                print(f"{name}: {value}")
        sys.stdout.flush()

    def _stated(self, compared: Compared, language: Language) -> dict[str, Any]:
        message = compared.message
        stated: dict[str, Any] = {
            "submission": message.submission_id,
            "message_id": message.message_id,
            "received_at": message.received_at.astimezone(UTC),
            "read_by": message.mapping,
            "verdict": compared.verdict,
        }
        if compared.fields:
            stated["fields"] = [_field(one) for one in compared.fields]
        for name, records in (("records_gone", compared.gone), ("records_new", compared.new)):
            if records:
                stated[name] = [{"type": one.type, "policy_no": one.policy_no, "number": one.number} for one in records]
        for name, checks in (("problems_gone", compared.problems_gone), ("problems_new", compared.problems_new)):
            if checks:
                stated[name] = [problem_entry(check, self._catalogue, language) for check in checks]
        return stated

    def _told_of(self, compared: Compared) -> list[str]:
        words, message = self._words, compared.message
        lines = [f"{message.submission_id} {visible(message.message_id)} {words[compared.verdict]}"]
        for one in compared.fields:
            lines.append(
                f"  {words['record'].format(one.record)} {one.type} {visible(one.policy_no or '')} {one.field}:"
            )
            for value, source in ((one.before, one.source_before), (one.after, one.source_after)):
                shown = words["absent"] if value is None else visible(str(value))
                place = f"    {words['from']} {visible(str(source['source']))}" if source else ""
                lines.append(f"    {shown}{place}")
        for word, records in (("gone", compared.gone), ("new", compared.new)):
            for record in records:
                name = visible(f"{record.policy_no or ''} {record.number or ''}".strip())
                lines.append(f"  {words[word]}: {record.type} {name}")
        for word, checks in (("problem_gone", compared.problems_gone), ("problem_new", compared.problems_new)):
            for check in checks:
                place = visible(str(check.facts.get("where") or check.facts.get("row") or ""))
                told = self._catalogue.explain(check, self._language)
                lines.append(f"  {words[word]}: {check.rule} {visible(check.field or '')} {place} {told}")
        return lines


def _field(one: Difference) -> dict[str, Any]:
    return {
        "record": one.record,
        "type": one.type,
        "policy_no": one.policy_no,
        "field": one.field,
        "before": one.before,
        "after": one.after,
        "source": {"before": one.source_before, "after": one.source_after},
    }
