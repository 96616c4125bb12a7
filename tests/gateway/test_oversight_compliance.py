"""The board, the policies behind it, and a recomputation from the feed: one number, whichever way it is asked for."""

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import psycopg
from house import next_number, world
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from service import Service, serve

from gateway.oversight.compliance import Wanted
from gateway.oversight.recompute import read_feed, recompute

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
    if what == "night":
        service.later(hours=17)
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
    st.sampled_from(["policy", "policy", "policy", "receipt", "cancelled", "increase", "night", "registry"]),
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
            query["insurer"] = data.draw(st.sampled_from([None, None, C]))
            query["clause"] = data.draw(st.sampled_from([None, None, *_numbers()]))
            query["from"] = data.draw(st.sampled_from([None, world().today - timedelta(days=60)]))
            await _agree(service, by, query, as_of, exported)

    with _fresh(postgres) as dsn:
        serve(dsn, work, recheck_every_seconds=3600)


async def _agree(
    service: Service, by: Any, query: dict[str, Any], as_of: datetime | None, exported: list[bytes]
) -> None:
    board = await ask(service, BOARD, by=by, **query)
    first: date | None = query["from"]
    wanted = Wanted(insurer=query["insurer"], clause=query["clause"], first=first, as_of=as_of)
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


def _numbers() -> list[str]:
    insurer = world().insurer(C)
    return [world().clause(insurer, which)["registration_no"] for which in ("main", "stopped", "unfiled")]


class _fresh:
    """A fresh database of its own for each example."""

    def __init__(self, postgres: str) -> None:
        self.postgres = postgres
        self.name = f"oversight_{next_number()}"

    def __enter__(self) -> str:
        from gateway.db import create_database

        return create_database(self.postgres, self.name, template="template_migrated")

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            name = psycopg.sql.Identifier(self.name)
            connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
