"""Another version in shadow: what would read otherwise is shown field by field, and nothing is written."""

import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import AT, counts, fetch, next_number, on, registered_as, world
from hypothesis import given
from hypothesis import strategies as st
from service import Service, provisioned, serve

from adapters.versions import Versions, known
from gateway.cli import main
from gateway.commands.replay import replay_stored
from gateway.config import Config, load_config
from gateway.errors import Misconfigured
from gateway.mappings.in_force import Reader
from gateway.replay.compare import compare
from gateway.replay.replay import replay
from gateway.replay.store import StoredMessage, StoredRecord, count, messages
from gateway.submissions.read import Reading, ReadRecord
from schemas.log import Leaf
from schemas.verification import failed
from tests.candidates import candidate, versions

A, B, C = (world().insurer(f"SANDBOX-{letter}") for letter in "ABC")
NEW_COLUMN = ('"序号",', '"序号",\n                    "返点",')
ANOTHER_LINE = ('"产品责任保险": "product_liability"', '"产品责任保险": "drug_liability"')
NO_CLASS = ('"注册分类"', '"注册类别"')
CSV = "text/csv"


def config(dsn: str) -> Config:
    return load_config(provisioned().config, {}, dsn=dsn)


def lines(
    capsysbinary: pytest.CaptureFixture[bytes],
    dsn: str,
    mapping: str,
    known: Versions,
    insurer: str = B.code,
    **how: Any,
) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """The exit code, the lines of what differs, and the summary."""
    given: dict[str, Any] = {"since": None, "limit": None, "as_json": True, "language": "zh"}
    code = replay_stored(config(dsn), insurer, mapping, versions=known, **(given | how))
    *found, last = map(orjson.loads, capsysbinary.readouterr().out.splitlines())
    return code, found, last["summary"]


def tallied(summary: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(summary[name]) for name in ("equal", "differs", "newly_refused", "newly_accepted"))


def listed(facts: Sequence[Any], column: str | None = None) -> bytes:
    _, body = world().render_message(B, facts, "any")
    if column is None:
        return body
    head, *rows = body.decode("gb18030").rstrip("\r\n").split("\r\n")
    return "".join(f"{line}\r\n" for line in (f"{head},{column}", *(f"{row},5%" for row in rows))).encode("gb18030")


def test_what_is_in_force_reads_everything_as_it_was_read(dsn: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Accepted, refused and held, in every format, notes and refusals by schema too."""

    async def work(service: Service) -> None:
        for who in (A, B, C):
            facts = world().policy(who, next_number())
            await service.submit(who, facts, world().receipt(facts)) if who is B else await service.submit(who, facts)
            await service.submit(who, world().receipt(world().policy(who, next_number()))) if who is not B else None
            await service.post(who.code, b"nothing of the kind", "application/xml")
        await service.post(A.code, b'{"schema":"premium-exchange/1.0"}')
        await service.post(B.code, listed([world().policy(B, next_number())], "返点"), CSV)

    serve(dsn, work)
    before = counts(dsn)
    for who, stored in ((A, 3), (B, 3), (C, 3)):
        code, found, summary = lines(capsysbinary, dsn, "1.0", known(), who.code)
        assert (code, found, tallied(summary)) == (0, [], (stored, 0, 0, 0))
    code, found, summary = lines(capsysbinary, dsn, "DIA-CANON-JSON/1.0", known(), A.code)
    assert (code, found, summary["submissions"]) == (0, [], 1)
    assert counts(dsn) == before


def test_each_difference_is_told_with_both_values_and_both_places(
    dsn: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    facts = world().policy(B, next_number())

    async def work(service: Service) -> None:
        assert (await service.post(B.code, listed([facts, world().receipt(facts)]), CSV)).status == 201

    serve(dsn, work)
    other = versions(candidate(tmp_path, "dia_csv_list", "1.1", ANOTHER_LINE))
    code, (line,), summary = lines(capsysbinary, dsn, "1.1", other)
    assert (code, tallied(summary)) == (1, (0, 1, 0, 0))
    assert (line["verdict"], line["read_by"]) == ("differs", "DIA-CSV-LIST/1.0")
    (field,) = line["fields"]
    assert field == {
        "record": 1,
        "type": "policy",
        "policy_no": facts.policy_no,
        "field": "line",
        "before": "product_liability",
        "after": "drug_liability",
        "source": {
            "before": {
                "source": field["source"]["before"]["source"],
                "raw": "产品责任保险",
                "mapping": line["read_by"],
            },
            "after": {
                "source": field["source"]["before"]["source"],
                "raw": "产品责任保险",
                "mapping": "DIA-CSV-LIST/1.1",
            },
        },
    }
    assert "row 2, column" in field["source"]["before"]["source"]
    for language, word in (("zh", "读取结果不同"), ("en", "reads otherwise")):
        given: dict[str, Any] = {"since": None, "limit": None, "as_json": False, "language": language}
        assert replay_stored(config(dsn), B.code, "1.1", versions=other, **given) == 1
        told = capsysbinary.readouterr().out.decode()
        assert word in told
        assert "product_liability" in told
        assert "drug_liability" in told


def test_what_would_be_refused_or_accepted_anew_is_told_with_its_problems(
    dsn: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async def work(service: Service) -> None:
        assert (await service.post(B.code, listed([world().policy(B, next_number())]), CSV)).status == 201
        refused = await service.post(B.code, listed([world().policy(B, next_number())], "返点"), CSV)
        assert refused.status == 422

    serve(dsn, work)
    wider = versions(candidate(tmp_path, "dia_csv_list", "1.1", NEW_COLUMN))
    code, (line,), summary = lines(capsysbinary, dsn, "1.1", wider)
    assert (code, tallied(summary)) == (1, (1, 0, 0, 1))
    assert line["verdict"] == "newly_accepted"
    assert [one["type"] for one in line["records_new"]] == ["policy"]
    (problem,) = line["problems_gone"]
    assert (problem["rule"], problem["field"]) == ("field.unaccounted", "返点")
    assert (problem["row"], problem["outcome"]) == (0, "failed")
    assert all(re.search(r"[\u4e00-\u9fff]", problem[name]) for name in ("detail", "expected", "cure"))
    _, (english,), same = lines(capsysbinary, dsn, "1.1", wider, language="en")
    assert english["problems_gone"][0]["detail"].isascii()
    assert same == summary  # the digest is of what differs, not of the language
    narrower = versions(candidate(tmp_path, "dia_csv_list", "1.2", NO_CLASS))
    code, found, summary = lines(capsysbinary, dsn, "1.2", narrower)
    assert (code, tallied(summary)) == (1, (0, 1, 1, 0))
    refused, differs = sorted(found, key=lambda one: str(one["verdict"]), reverse=True)
    assert (refused["verdict"], differs["verdict"]) == ("newly_refused", "differs")
    (problem,) = refused["problems_new"]
    assert (problem["rule"], problem["field"]) == ("field.unaccounted", "注册分类")
    # It was refused for one column, and would be for another: the readings differ, the refusal stays.
    assert [one["field"] for one in differs["problems_gone"]] == ["返点"]
    assert [one["field"] for one in differs["problems_new"]] == ["注册分类"]


def test_a_proposal_rests_on_the_replay_as_it_was_printed(
    dsn: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    both = versions(candidate(tmp_path, "dia_csv_list", "1.1", NEW_COLUMN))

    async def send(service: Service) -> None:
        for column in (None, "返点"):
            await service.post(B.code, listed([world().policy(B, next_number())], column), CSV)
            service.later(seconds=5)

    serve(dsn, send, versions=both)
    _, first, summary = lines(capsysbinary, dsn, "1.1", both)
    assert lines(capsysbinary, dsn, "1.1", both)[1:] == (first, summary)
    stated = {name: summary[name] for name in ("insurer", "dialect", "version", "digest")} | {
        "active_from": (AT + timedelta(days=1)).isoformat(),
        "reason": "返点",
        "replay": summary,
    }

    async def activate(service: Service) -> None:
        headers = {"content-type": "application/json"}
        body = orjson.dumps(stated)
        proposed = await service.call("OPERATOR", "POST", "/v1/mappings/proposals", body, headers)
        assert proposed.status == 201, proposed.body
        path = proposed.headers["location"] + "/approval"
        assert (await service.call("OPERATOR-2", "POST", path)).status == 201
        service.later(days=1)
        answered = await service.post(B.code, listed([world().policy(B, next_number())], "返点"), CSV)
        assert answered.status == 201
        found = await service.call(B.code, "GET", answered.headers["location"] + "/records")
        (record,) = found.json()["records"]
        assert {one["mapping"] for one in record["lineage"].values()} == {"DIA-CSV-LIST/1.1"}

    serve(dsn, activate, versions=both)
    # What the new version read is held against the new version too: it is part of what is stored.
    _, found, summary = lines(capsysbinary, dsn, "1.0", both)
    assert [(one["verdict"], one["read_by"]) for one in found] == [("newly_refused", "DIA-CSV-LIST/1.1")]


def test_days_and_counts_bound_a_replay(dsn: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    async def work(service: Service) -> None:
        for _ in range(4):
            await service.post(B.code, listed([world().policy(B, next_number())]), CSV)
            service.later(days=1)

    serve(dsn, work)
    day = AT.date()
    for how, expected in (
        ({"since": day + timedelta(days=2)}, 2),
        ({"limit": 3}, 3),
        ({"since": day + timedelta(days=2), "limit": 1}, 1),
        ({"since": day + timedelta(days=9)}, 0),
        ({"since": date(2000, 1, 1)}, 4),
    ):
        code, _, summary = lines(capsysbinary, dsn, "1.0", known(), **how)
        assert (code, summary["submissions"]) == (0, expected)
        assert ("since" in summary) == bool(expected)


def test_what_is_unknown_is_wrong_usage(dsn: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for insurer, mapping in ((B.code, "9.9"), (B.code, "DIA-EAST-TXT/1.0"), ("NOBODY", "1.0"), ("OPERATOR", "1.0")):
        with pytest.raises(Misconfigured):
            lines(capsysbinary, dsn, mapping, known(), insurer)
    gone = load_config(provisioned().config, {}, dsn="host=127.0.0.1 port=1 dbname=x connect_timeout=1")
    how: dict[str, Any] = {"since": None, "limit": None, "as_json": True, "language": "zh"}
    assert replay_stored(gone, B.code, "1.0", **how) == 3


def test_stored_messages_come_a_few_at_a_time_in_order(dsn: str) -> None:
    """More than a page of names, and of several at one moment none twice and none left out."""

    async def work(service: Service) -> None:
        for number in range(30):
            await service.post(B.code, listed([world().policy(B, next_number())]), CSV)
            if number % 7 == 0:
                service.later(seconds=1)

    serve(dsn, work)

    async def read(connection: Any) -> None:
        found = [one async for one in messages(connection, B.code, "DIA-CSV-LIST", None, None, page=7, most_bytes=900)]
        assert len({one.submission_id for one in found}) == 30
        keys = [(one.received_at, one.submission_id) for one in found]
        assert keys == sorted(keys)
        assert all(len(one.records) == 1 for one in found)
        assert await count(connection, B.code, "DIA-CSV-LIST", None) == 30
        limited = messages(connection, B.code, "DIA-CSV-LIST", None, 10, page=7)
        assert [one.submission_id async for one in limited] == [one.submission_id for one in found][:10]
        mapping = known().shipped("DIA-CSV-LIST")
        reader = Reader(mapping, known().digest(mapping))
        assert {one.verdict async for one in replay(connection, registered_as(B.code), reader)} == {"equal"}
        await fetch(connection, "SELECT 1")

    on(dsn, read)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(["a", "b", "1.00", "2.00"]) | st.integers(0, 3) | st.booleans(),
    lambda inner: st.dictionaries(st.sampled_from("pqr"), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
NOUN = Leaf(index=0, log="any", hash="0" * 64)


def stored(*values: dict[str, Any]) -> StoredMessage:
    records = [StoredRecord("policy", "P1", None, one, {}) for one in values]
    return StoredMessage("S1", "m", AT, CSV, b"", "DIA-X/1.0", (), records)


def reading(*values: dict[str, Any]) -> Reading:
    return Reading("m", tuple(ReadRecord("policy", NOUN, one, {}, 1) for one in values), ())


def at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


RECORDS = st.dictionaries(st.sampled_from(["policy_no", "x", "y"]), VALUES, min_size=1)


@given(RECORDS, RECORDS)
def test_two_records_differ_in_exactly_the_fields_that_are_told(before: dict[str, Any], after: dict[str, Any]) -> None:
    compared = compare(stored(before), reading(after))
    assert (compared.verdict == "equal") == (canonical(before) == canonical(after))
    assert compare(stored(before), reading(copy.deepcopy(before))).verdict == "equal"
    for one in compared.fields:
        assert one.before != one.after or type(one.before) is not type(one.after)
        if one.before is not None:
            assert at(before, one.field) == one.before
        if one.after is not None:
            assert at(after, one.field) == one.after


def canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def test_records_that_come_and_go_are_named_and_the_rest_is_compared_by_number() -> None:
    kept = stored({"policy_no": "P1"}, {"policy_no": "P2", "x": 1})
    kept.records[1] = StoredRecord("premium_receipt", "P2", "R1", {"receipt_no": "R1", "x": 1}, {})
    read = reading({"policy_no": "P3"})
    receipt = ReadRecord("premium_receipt", NOUN, {"policy_no": "P2", "receipt_no": "R1", "x": 2}, {}, 2)
    compared = compare(kept, Reading("m", (receipt, *read.records), ()))
    assert compared.verdict == "differs"
    assert [one.policy_no for one in compared.gone] == ["P1"]
    assert [one.policy_no for one in compared.new] == ["P3"]
    assert [(one.record, one.field, one.before, one.after) for one in compared.fields] == [
        (2, "x", 1, 2),
        (2, "policy_no", None, "P2"),
    ]


def test_checks_that_are_not_about_the_bytes_are_no_difference(
    dsn: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A policy that is held for want of its document, and one whose rate does not reconcile: only the note is of it."""

    async def work(service: Service) -> None:
        facts = world().policy(B, next_number())
        answered = await service.post(B.code, listed([facts]), CSV)
        assert answered.json()["status"] == "held"

    serve(dsn, work)

    async def read(connection: Any) -> list[StoredMessage]:
        return [one async for one in messages(connection, B.code, "DIA-CSV-LIST", None, None)]

    (message,) = on(dsn, read)
    assert message.checks == ()
    noted = replace(message, checks=(failed("number.unreadable", "form", row=1),))
    compared = compare(noted, reading(*[one.values for one in message.records]))
    assert [check.rule for check in compared.problems_gone] == ["number.unreadable"]


def test_the_command_line_replays(dsn: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    async def work(service: Service) -> None:
        await service.post(B.code, listed([world().policy(B, next_number())]), CSV)

    serve(dsn, work)
    file = tmp_path / "gateway.toml"
    participants = provisioned().config.parent / "participants.json"
    file.write_text(f'dsn = "{dsn}"\nparticipants = "{participants}"\n', encoding="utf-8")
    asked = ["adapter", "replay", "--config", str(file), "--insurer", B.code, "--mapping", "1.0"]
    assert main([*asked, "--json", "--since", "2026-01-01", "--limit", "5"]) == 0
    (line,) = capsysbinary.readouterr().out.splitlines()
    assert orjson.loads(line)["summary"]["equal"] == 1
    assert main([*asked[:-1], "7.7"]) == 64
    with pytest.raises(SystemExit):
        main([*asked, "--limit", "0"])
