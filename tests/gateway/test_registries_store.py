"""Registries over time and over HTTP: all or nothing, answerable as they were known, fetched as well as pushed."""

import io
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import openpyxl
import orjson
import psycopg
import pytest
from house import AT, ORIGIN, on
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import Answered, Service, serve

from gateway.db import Connection
from gateway.registries import store
from gateway.registries.push import Handed, Source, Taken, poll, take
from gateway.registries.read import read_registry
from gateway.registries.registry import Registries

VARIETY: dict[str, Any] = {
    "approval_no": "国药准字S20240001",
    "generic_name": "示例单抗注射液",
    "approval_date": "2024-03-15",
    "registration_class": "治疗用生物制品1类",
    "holder": "示例医药（杭州）有限公司",
    "holder_code": "91330108MA2XX9T186",
    "is_new_drug": True,
}
SECOND = VARIETY | {"approval_no": "国药准字H20240777", "is_new_drug": None}


def body(*entries: dict[str, Any], as_of: str = "2026-08-30", source: str = "浙江省药监局") -> bytes:
    return orjson.dumps({"source": source, "as_of": as_of, "entries": entries})


def handed(data: bytes, **changes: Any) -> Handed:
    return Handed(
        **({"registry": "varieties", "data": data, "media_type": "application/json", "sender": "R"} | changes)
    )


async def put(
    service: Service, data: bytes, query: str = "", who: str = "REGULATOR", name: str = "varieties"
) -> Answered:
    return await service.call(who, "PUT", f"/v1/registries/{name}{query}", data, {"content-type": "application/json"})


def test_a_statement_is_taken_whole_and_stays_answerable(dsn: str) -> None:
    async def work(service: Service) -> None:
        first = await put(service, body(VARIETY, SECOND))
        assert first.json() | {"leaf": None} == {
            "registry": "varieties",
            "source": "浙江省药监局",
            "as_of": "2026-08-30",
            "whole": True,
            "count": 2,
            "new": 2,
            "superseded": 0,
            "dropped": 0,
            "unchanged": 0,
            "leaf": None,
        }
        assert first.json()["leaf"]["index"] >= 0
        again = (await put(service, body(VARIETY, SECOND))).json()
        assert (again["new"], again["unchanged"], again["leaf"]) == (0, 2, None)
        service.later(hours=1)
        changed = body(VARIETY | {"is_new_drug": False}, as_of="2026-08-31")
        assert (await put(service, changed, who="OPERATOR")).json()["dropped"] == 1
        now = (await service.call("SUBSIDY", "GET", "/v1/registries/varieties")).json()
        assert [one["entry"]["is_new_drug"] for one in now["entries"]] == [False]
        assert now["whole_as_of"] == {"浙江省药监局": "2026-08-31"}
        moment = AT.strftime("%Y-%m-%dT%H:%M:%SZ")
        path = f"/v1/registries/varieties?as_of={moment}"
        then = await service.call("REGULATOR", "GET", path)
        assert len(then.json()["entries"]) == 2
        page = (await service.call("REGULATOR", "GET", f"{path}&limit=1")).json()
        assert page["after"] == page["entries"][0]["key"]
        service.later(hours=1)
        assert (await service.call("REGULATOR", "GET", path)).body == then.body
        older = await put(service, body(VARIETY, as_of="2026-08-01"))
        assert older.status == 409

    serve(dsn, work)


def test_who_may_and_what_is_refused(dsn: str) -> None:
    async def work(service: Service) -> None:
        assert (await put(service, body(VARIETY), who="SUBSIDY")).status == 403
        assert (await put(service, body(VARIETY), who="SANDBOX-A")).status == 403
        assert (await service.call("SANDBOX-A", "GET", "/v1/registries/credit")).status == 403
        assert (await put(service, body(VARIETY), name="nonsense")).status == 400
        for data, query, rule, reason in (
            (orjson.dumps([VARIETY]), "", "registry-file.source", "not-stated"),
            (orjson.dumps([VARIETY]), "?source=A&as_of=2027-01-01", "registry-file.source", "as-of-in-future"),
            (body(VARIETY), "?source=B", "registry-file.source", "several"),
            (body(VARIETY, VARIETY), "", "registry-file.entry", "duplicate"),
            (body(VARIETY | {"approval_no": "x"}), "", "registry-file.entry", "invalid"),
            (body(VARIETY | {"more": 1}), "", "registry-file.entry", "invalid"),
            (b'{"source": "A", "as_of": "2026-08-30", "entries": 1}', "", "registry-file.entry", "not-a-list"),
            (b'{"source": "A", "as_of": "2026-08-30", "entries": [1]}', "", "registry-file.entry", "invalid"),
            (body(), "?whole=false", "registry-file.entry", "empty"),
            (b"PK\x03\x04", "?source=A&as_of=2026-08-30", "archive.malformed", None),
            ("批准文号,通用名\n".encode("utf-8-sig"), "?source=A&as_of=2026-08-30", "registry-file.columns", "missing"),
            (
                "批准文号,通用名,怪列\n".encode("utf-8-sig"),
                "?source=A&as_of=2026-08-30",
                "registry-file.columns",
                "unaccounted",
            ),
            (b"a,b\n1,2\n", "?source=A&as_of=2026-08-30", "registry-file.columns", "no-header"),
        ):
            got = await put(service, data, query)
            assert got.status == 422, (data, got.body)
            problems = {(one["rule"], one["reason"]) for one in got.json()["problems"]}
            assert any(found[0] == rule and reason in (None, found[1]) for found in problems), (data, problems)
        listed = (await service.call("REGULATOR", "GET", "/v1/registries/varieties")).json()
        assert listed["entries"] == []
        assert (await put(service, body())).status == 200  # a whole statement may say: nothing

    serve(dsn, work)


def test_lists_with_chinese_headers_in_csv_and_workbooks() -> None:
    head = "序号,批准文号,通用名,批准日期,注册分类,上市许可持有人,持有人统一社会信用代码,状态,是否新药"
    row = "1,国药准字S20240001,示例单抗注射液,2024年3月15日,治疗用生物制品1类,示例医药（杭州）有限公司"
    row += ",91330108MA2XX9T186,有效,是"
    given: dict[str, Any] = {"source": "A", "as_of": date(2026, 8, 30), "today": date(2026, 9, 1)}
    for text in (f"{head}\n{row}\n".encode("gb18030"), f"{head}\n{row}\n".encode("utf-8-sig")):
        file = read_registry(text, "varieties", **given)
        assert file.problems == ()
        (entry,) = file.entries
        assert entry.model_dump(mode="json", exclude_none=True) == VARIETY | {"state": "valid"}
    book = openpyxl.Workbook()
    book.active.append(["全省严重失信主体名单"])
    book.active.append(["统一社会信用代码", "企业名称", "类型", "列入日期", "认定机关", "文号"])
    book.active.append(["91330108MA2XX9T186", "示例", "严重失信主体", date(2025, 1, 1), "发改委", "1号"])
    buffer = io.BytesIO()
    book.save(buffer)
    file = read_registry(buffer.getvalue(), "credit", **given)
    assert file.problems == ()
    assert file.entries[0].key() == "91330108MA2XX9T186/serious_dishonesty/1号"
    sister = "方案,编号,年度,补贴金额(万元),核定日期,保单号,级别\nSH-BIO,1,2026,10.5,2026-06-01,PTEST1234567,省级\n"
    (award,) = read_registry(sister.encode("utf-8-sig"), "sister-awards", **given).entries
    assert award.model_dump(mode="json")["amount"] == "105000.00"
    listed = "批准文号,产品名称,名录,列入日期\nS20240001,示例,推荐目录,20260101\n"
    assert (
        read_registry(listed.encode("utf-8-sig"), "hospital-list", **given).entries[0].key()
        == "推荐目录/国药准字S20240001"
    )
    bad = f"{head}\n{row.replace('2024年3月15日', '15/03/2024')}\n"
    assert read_registry(bad.encode("utf-8-sig"), "varieties", **given).problems[0].rule == "date.unreadable"


@dataclass(slots=True)
class Interface:
    """An authority's interface that is asked for what is newer than what was fetched: it behaves as one would."""

    registry: Any = "varieties"
    days: list[tuple[date, tuple[dict[str, Any], ...]]] = field(default_factory=list)
    fetched: date | None = None
    is_down: bool = False

    async def fetch(self) -> Handed | None:
        if self.is_down:
            raise OSError("no answer")
        newer = [day for day in self.days if self.fetched is None or day[0] > self.fetched]
        if not newer:
            return None
        self.fetched, entries = newer[-1]
        return handed(body(*entries, as_of=str(self.fetched), source="接口"), sender="poll")


def test_a_source_that_is_polled_is_taken_like_a_file(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        interface = Interface()
        source: Source = interface
        assert await poll(source, connection, at=AT, log_origin=ORIGIN) is None
        interface.days = [(date(2026, 8, 1), (VARIETY,)), (date(2026, 8, 20), (VARIETY, SECOND))]
        taken = await poll(source, connection, at=AT, log_origin=ORIGIN)
        assert isinstance(taken, Taken)
        assert (taken.as_of, taken.recorded.new) == (date(2026, 8, 20), 2)
        assert await poll(source, connection, at=AT, log_origin=ORIGIN) is None
        interface.is_down = True
        with pytest.raises(OSError):
            await poll(source, connection, at=AT, log_origin=ORIGIN)

    on(dsn, work)


def test_what_was_known_when_stays_so_and_is_cached_until_something_changes(dsn: str) -> None:
    async def work(connection: Connection) -> None:
        current = store.CurrentRegistries()
        nothing = await current(connection)
        assert nothing.identities() == {}
        await take(connection, handed(body(VARIETY)), at=AT, log_origin=ORIGIN)
        first = await current(connection)
        assert await current(connection) is first
        assert list(first.identities()) == ["varieties"]
        later = AT + timedelta(hours=1)
        await take(connection, handed(body(SECOND, as_of="2026-08-31")), at=later, log_origin=ORIGIN)
        second = await current(connection)
        assert [bool(second.varieties.find(one["approval_no"])) for one in (VARIETY, SECOND)] == [False, True]
        then = await store.load(connection, AT)
        assert then.varieties.digest == first.varieties.digest != second.varieties.digest
        with pytest.raises(store.Superseded):
            await take(connection, handed(body(VARIETY, as_of="2026-09-01")), at=AT, log_origin=ORIGIN)
        for change in ("DELETE FROM registry_statements", "UPDATE registry_wholes SET count = 0"):
            with pytest.raises(psycopg.errors.IntegrityError):
                await connection.execute(change.encode())

    on(dsn, work)


STATEMENTS = st.lists(
    st.tuples(st.sets(st.sampled_from("123")), st.booleans(), st.sampled_from(["A", "B"]), st.booleans()), max_size=6
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STATEMENTS)
def test_every_earlier_moment_is_answered_as_it_was(
    dsn: str, statements: list[tuple[set[str], bool, str, bool]]
) -> None:
    """A model that keeps sets agrees with the database at every moment that ever was."""
    seen: list[tuple[Any, dict[tuple[str, str], bool]]] = []

    async def work(connection: Connection) -> None:
        cursor = await connection.execute(
            "SELECT max(known_from), max(as_of) FROM (SELECT known_from, as_of FROM registry_statements "
            "UNION ALL SELECT known_from, as_of FROM registry_wholes) AS stated"
        )
        row = await cursor.fetchone()
        start = max(AT, row[0]) if row and row[0] else AT
        day = row[1] if row and row[1] else date(2026, 1, 1)
        model = {
            (one.source, one.entry.approval_no[-1]): one.entry.is_new_drug is True
            for registries in [await store.load(connection)]
            for number in "123"
            for one in registries.varieties.find(f"国药准字S2024000{number}")
        }
        for step, (numbers, word, source, whole) in enumerate(statements, 1):
            entries = [
                VARIETY | {"approval_no": f"国药准字S2024000{number}", "is_new_drug": word} for number in numbers
            ]
            if not entries and not whole:
                continue
            if whole:
                model = {key: value for key, value in model.items() if key[0] != source}
            model = model | {(source, number): word for number in numbers}
            at = start + timedelta(minutes=step)
            stated = body(*entries, as_of=str(min(day + timedelta(days=step), date(2026, 9, 1))), source=source)
            assert isinstance(await take(connection, handed(stated, whole=whole), at=at, log_origin=ORIGIN), Taken)
            seen.append((at, model))
        for at, expected in seen:
            assert known(await store.load(connection, at)) == expected

    on(dsn, work)


def known(registries: Registries) -> dict[tuple[str, str], bool]:
    return {
        (one.source, number): one.entry.is_new_drug is True
        for number in "123"
        for one in registries.varieties.find(f"国药准字S2024000{number}")
    }
