"""The board, the policies behind it, and a recomputation from the feed: one number, whichever way it is asked for."""

import ast
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import psycopg
import pytest
from house import next_number, world
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from service import Service, serve

from gateway.cli import main
from gateway.db import create_database
from gateway.oversight.compliance import STOPPED, UNFILED, Wanted
from gateway.oversight.recompute import NotTheFeed, read_feed, recompute

BOARD, DRILL = "/v1/oversight/compliance", "/v1/oversight/policies"
C, D = "SANDBOX-C", "SANDBOX-D"
NOTHING = {"policies": 0, "verified": 0, "held": 0, "refused": 0, "withdrawn": 0}


async def ask(service: Service, path: str, who: str = "REGULATOR", **query: Any) -> Any:
    text = urlencode({name.rstrip("_"): value for name, value in query.items() if value is not None})
    got = await service.call(who, "GET", f"{path}?{text}" if text else path)
    assert got.status == 200, got.body
    return got.json()


async def drill(service: Service, **query: Any) -> list[Any]:
    """Every policy, by small pages."""
    found: list[Any] = []
    after = ""
    while after is not None:
        page = await ask(service, DRILL, **query, limit=3, after=after)
        found += page["items"]
        after = page["next"]
    keys = [(one["insurer"], one["policy_no"]) for one in found]
    assert keys == sorted(set(keys))
    return found


async def feed(service: Service) -> list[bytes]:
    """The feed as it is exported: pages one after another."""
    lines: list[bytes] = []
    cursor = ""
    while True:
        path = "/v1/premiums/changes?limit=7" + (f"&after={cursor}" if cursor else "")
        got = await service.call("OPERATOR", "GET", path, headers={"accept": "application/jsonl"})
        assert got.status == 200
        lines += got.body.splitlines(keepends=True)
        end = orjson.loads(lines[-1])
        cursor = end["cursor"]
        if not end["more"]:
            return lines


async def live(service: Service, step: tuple[Any, ...]) -> None:
    """Something happens to a policy: it is told, paid, cancelled; or a day goes by."""
    code, number, what, clauses, rate, days = step
    insurer = world().insurer(code)
    own = [world().clause(insurer, name) for name in clauses]
    issued = world().today - timedelta(days=days)
    facts = world().policy(insurer, number, clauses=own, rate=rate, issued_on=issued)
    made = {
        "policy": lambda: facts,
        "receipt": lambda: world().receipt(facts),
        "cancelled": lambda: world().cancellation(facts),
        "increase": lambda: world().endorsement(facts, gross="10000.00"),
    }
    if what in ("night", "month"):
        service.later(hours=17 if what == "night" else 600)
    elif what == "registry":
        await service.push_filings()
    else:
        assert (await service.submit(insurer, made[what]())).status in (201, 422)
    service.later(seconds=40)


CLAUSES = st.sampled_from(
    [
        ("main", "rider"),
        ("main",),
        ("rider",),
        ("stopped", "rider"),
        ("unfiled",),
        ("main", "stopped"),
        ("main", "main"),
    ]
)
STEPS = st.tuples(
    st.sampled_from([C, D]),
    st.integers(0, 4),
    st.sampled_from(["policy", "policy", "policy", "receipt", "cancelled", "increase", "night", "month", "registry"]),
    CLAUSES,
    st.sampled_from(["1.6", "2", "4"]),
    st.integers(20, 90),
)


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example is a whole service: none is made smaller for its own sake
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_each_number_is_that_of_its_policies_and_of_the_feed_at_any_moment(postgres: str, data: st.DataObject) -> None:
    steps = data.draw(st.lists(STEPS, min_size=6, max_size=22))
    base = next_number() * 10

    async def work(service: Service) -> None:
        moments: list[datetime | None] = [None]
        for step in steps:
            moments.append(service.now)
            await live(service, (step[0], base + step[1], *step[2:]))
        service.later(minutes=5)
        exported = await feed(service)
        for as_of in [None, *data.draw(st.lists(st.sampled_from(moments), min_size=1, max_size=3))]:
            by = data.draw(st.sampled_from(["insurer", "line", "clause", "month"]))
            query: dict[str, Any] = {"as_of": as_of.isoformat() if as_of else None}
            query["unsigned"] = data.draw(st.sampled_from([None, None, None, "true"]))
            query["line"] = data.draw(st.sampled_from([None, None, "none", "product_liability"]))
            query["insurer"] = data.draw(st.sampled_from([None, None, C]))
            query["clause"] = data.draw(st.sampled_from([None, None, "none", *_numbers()]))
            days = st.sampled_from([None, *(world().today - timedelta(days=back) for back in (85, 60, 31, 25))])
            query["from"], query["to"] = data.draw(st.tuples(days, days).filter(_in_order))
            await _agree(service, by, query, as_of, exported)

    with _fresh(postgres) as dsn:
        serve(dsn, work, recheck_every_seconds=3600)


async def _agree(
    service: Service, by: Any, query: dict[str, Any], as_of: datetime | None, exported: list[bytes]
) -> None:
    board = await ask(service, BOARD, by=by, **query)
    first, last = query["from"], query["to"]
    line, clause = ("" if query[name] == "none" else query[name] for name in ("line", "clause"))
    wanted = Wanted(
        insurer=query["insurer"],
        line=line,
        clause=clause,
        first=first,
        last=last,
        as_of=as_of,
        unsigned=bool(query["unsigned"]),
    )
    again = recompute(read_feed(exported), wanted, by)
    assert board["rows"] == again["rows"]
    assert board["total"] == again["total"]
    policies = await drill(service, **query)
    assert len(policies) == board["total"]["policies"]
    for status in ("verified", "held", "refused", "withdrawn"):
        assert board["total"][status] == sum(one["status"] == status for one in policies)
    for check, answers in board["total"]["checks"].items():
        assert sum(answers.values()) == len(policies)
        for answer, number in answers.items():
            assert number == sum(one["checks"][check] == answer for one in policies)
    assert board["total"]["policies"] == sum(row["policies"] for row in board["rows"]) or by == "clause"
    for check, outcome in (("FL-2", "failed"), ("FL-1", "failed"), ("FL-6", "failed"), ("FL-7", "indeterminate")):
        found = await drill(service, **query, check=check, outcome=outcome)
        assert len(found) == board["total"]["checks"][check][outcome]
        assert all(one["checks"][check] == outcome for one in found)


def _in_order(days: tuple[date | None, date | None]) -> bool:
    return days[0] is None or days[1] is None or days[0] <= days[1]


def _numbers() -> list[str]:
    insurer = world().insurer(C)
    return [world().clause(insurer, which)["registration_no"] for which in ("main", "stopped", "unfiled")]


class _fresh:
    """A fresh database of its own for each example."""

    def __init__(self, postgres: str) -> None:
        self.postgres = postgres
        self.name = f"oversight_{next_number()}"

    def __enter__(self) -> str:
        return create_database(self.postgres, self.name, template="template_migrated")

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            name = psycopg.sql.Identifier(self.name)
            connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_what_is_not_decided_is_never_a_pass(dsn: str) -> None:
    async def work(service: Service) -> None:
        empty = await ask(service, BOARD)
        assert (empty["rows"], empty["next"]) == ([], None)
        assert {name: empty["total"][name] for name in NOTHING} == NOTHING
        assert empty["freshness"][0]["stale"]
        insurer = world().insurer(C)
        facts = world().policy(insurer, next_number())
        # A receipt before its policy: nothing of the filing can be asked yet.
        await service.submit(insurer, world().receipt(facts))
        (row,) = (await ask(service, BOARD))["rows"]
        assert (row["key"], row["policies"], row["held"]) == (C, 1, 1)
        assert all(
            check == {"passed": 0, "failed": 0, "indeterminate": 0, "not_judged": 1} for check in row["checks"].values()
        )
        for by, none in (("line", {"line": "none"}), ("clause", {"clause": "none"}), ("month", {"unsigned": "true"})):
            (nothing,) = (await ask(service, BOARD, by=by))["rows"]
            assert nothing["key"] is None
            assert (await ask(service, BOARD, by=by, **none))["rows"] == [nothing]
            assert len(await drill(service, **none)) == nothing["policies"] == 1
        # The policy, while no registry has spoken: FL-4 is decided by the numbers, nothing else is.
        await service.submit(insurer, facts)
        (row,) = (await ask(service, BOARD, by="clause"))["rows"][:1]
        passed = {name for name, answers in row["checks"].items() if answers["passed"]}
        assert passed == {"FL-4"}
        assert all(answers["failed"] == 0 for answers in row["checks"].values())
        (item,) = await drill(service, check="FL-1", outcome="indeterminate")
        assert item["reasons"]["FL-1"] == "no-statement"
        assert item["premium"] == f"/v1/insurers/{C}/policies/{facts.policy_no}/premium"
        assert (await service.call("REGULATOR", "GET", item["premium"])).status == 200
        assert item["evidence"] == f"/v1/insurers/{C}/policies/{facts.policy_no}/evidence"

    serve(dsn, work, recheck_every_seconds=3600)


def test_a_rate_outside_the_band_and_a_clause_that_may_not_be_used_are_listed_with_what_the_registry_says(
    dsn: str,
) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        insurer = world().insurer(C)
        sold = {}
        for which, rate in (("main", "1.6"), ("main", "4"), ("stopped", "2"), ("unfiled", "2")):
            facts = world().policy(insurer, next_number(), clauses=[world().clause(insurer, which)], rate=rate)
            await service.submit(insurer, facts)
            sold[which, rate] = facts
        (rate_item,) = (await ask(service, "/v1/oversight/rates"))["items"]
        assert rate_item["policy_no"] == sold["main", "4"].policy_no
        assert rate_item["facts"]["rate_percent"] == "4"
        assert rate_item["facts"]["bands"][0]["rate_max_percent"] == "3"
        for kind, check in (("unfiled", "FL-1"), ("stopped", "FL-2")):
            facts = sold[kind, "2"]
            (item,) = (await ask(service, "/v1/oversight/clauses", kind=kind))["items"]
            assert (item["clause"], item["policies"]) == (facts.body["clauses"][0]["registration_no"], 1)
            assert item["check"] == check
            assert item["first_signed_on"] == item["last_signed_on"] == facts.body["issued_on"]
            assert bool(item["registry"]) == (kind == "stopped")
            found = await drill(service, insurer=C, clause=item["clause"], kind=kind)
            assert [one["policy_no"] for one in found] == [facts.policy_no]
            assert await drill(service, clause=item["clause"], kind="unfiled" if kind == "stopped" else "stopped") == []
        stopped = (await ask(service, "/v1/oversight/clauses", kind="stopped"))["items"][0]
        assert stopped["registry"][0]["state"] == "stopped"
        assert stopped["history"][0]["stated"]
        assert (await ask(service, "/v1/oversight/texts"))["items"] == []
        got = await service.call(C, "GET", f"/v1/insurers/{C}/accesses")
        assert {one["subject"] for one in got.json()["items"]} == {
            "policies of the board",
            "policies whose FL-6 failed",
        }
        (fresh,) = (await ask(service, "/v1/oversight/freshness"))["items"]
        assert (fresh["registry"], fresh["age_days"], fresh["stale"], fresh["whole"]) == ("filings", 1, False, True)
        service.later(days=60)
        assert (await ask(service, BOARD))["freshness"][0]["stale"]

    serve(dsn, work, recheck_every_seconds=3600)


def test_only_regulators_and_operators_look_and_nonsense_is_refused(dsn: str) -> None:
    async def work(service: Service) -> None:
        for path in ("compliance", "policies", "clauses", "late-filings", "rates", "texts", "freshness", "duties"):
            for who in (C, "SUBSIDY"):
                assert (await service.call(who, "GET", f"/v1/oversight/{path}")).status == 403
            assert (await service.call("OPERATOR", "GET", f"/v1/oversight/{path}")).status == 200
            for wrong in ("as_of=2999-01-01T00:00:00Z", "as_of=0001-01-01T00:00:00%2B08:00"):
                assert (await service.call("REGULATOR", "GET", f"/v1/oversight/{path}?{wrong}")).status == 400
        for wrong in (
            "from=2026-02-01&to=2026-01-01", "from=9999-12-30", "to=0001-01-01", "check=FL-2", "outcome=failed",
            "kind=unfiled", "after=x", "after=%00/x", "limit=0", "check=FL-8&outcome=failed", "clause=C1",
        ):  # fmt: skip
            assert (await service.call("REGULATOR", "GET", f"{DRILL}?{wrong}")).status == 400
        assert (await service.call("REGULATOR", "GET", "/v1/oversight/duties?insurer=NOBODY")).status == 404

    serve(dsn, work, recheck_every_seconds=3600)


def test_the_reasons_that_make_a_clause_unfiled_or_stopped_are_those_for_which_the_rules_fail() -> None:
    failing: dict[str, set[str]] = {}
    for name in ("check", "grace"):
        tree = ast.parse((Path(__file__).parents[2] / f"gateway/filing/{name}.py").read_text("utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "finding":
                    outcome, reason = call.args[:2]
                    if (
                        isinstance(outcome, ast.Attribute)
                        and outcome.attr == "FAILED"
                        and isinstance(reason, ast.Constant)
                    ):
                        failing.setdefault(function.name, set()).add(str(reason.value))
    assert failing["_registered"] | failing["_unregistered"] == UNFILED
    ended = {"stopped", "ordered-stop", "withdrawn", "returned"}
    assert failing["_in_use"] | failing["judge_grace"] | ended == STOPPED


def test_a_feed_with_a_gap_is_not_recomputed(dsn: str, tmp_path: Path, capfdbinary: Any) -> None:
    async def work(service: Service) -> None:
        insurer = world().insurer(C)
        for _ in range(2):
            await service.submit(insurer, world().policy(insurer, next_number()))
        lines = await feed(service)
        told = recompute(read_feed(lines), Wanted(), "insurer")
        assert told["total"]["policies"] == 2
        with pytest.raises(NotTheFeed, match="position 1 is missing"):
            recompute(read_feed(lines[1:]), Wanted(), "insurer")
        forged = [line.replace(b'"indeterminate"', b'"passed"') for line in lines]
        with pytest.raises(NotTheFeed):
            recompute(read_feed(forged), Wanted(), "insurer")
        file = tmp_path / "feed.jsonl"
        file.write_bytes(b"".join(lines))
        assert main(["oversight", "recompute", str(file), "--by", "month", "--insurer", C]) == 0
        assert json.loads(capfdbinary.readouterr().out)["total"] == told["total"]
        file.write_bytes(b"not json\n")
        assert main(["oversight", "recompute", str(file)]) == 3

    serve(dsn, work, recheck_every_seconds=3600)


def test_what_is_counted_follows_from_the_revisions_and_does_not_change(dsn: str) -> None:
    async def work(service: Service) -> None:
        insurer = world().insurer(C)
        facts = world().policy(insurer, next_number())
        await service.submit(insurer, facts)
        await service.submit(insurer, world().receipt(facts))

    serve(dsn, work, recheck_every_seconds=3600)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in ("compliance_facts", "compliance_days", "compliance_months"):
            for change in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                    connection.execute(change.encode())
        assert connection.execute("SELECT count(*) FROM compliance_facts").fetchone() == (4,)
        assert connection.execute("SELECT sum(change) FROM compliance_months WHERE is_first").fetchone() == (1,)
