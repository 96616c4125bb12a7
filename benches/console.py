"""The console: each page of each role, whole, as a browser asks for it, over so many premiums.

A browser's own work is not measured: a page has no script to wait for. The floor is the sign-in page, which asks the
gateway nothing. The premiums are copies of those that the sandbox's cases came to, of every status, over two years.
"""

import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import requests

from benches.line import Line, of_rates
from benches.servers import place
from console.pages import menu
from sandbox.demo import push_filings, tell
from sandbox.provision import Provisioned, provision
from sandbox.serving import console, free_port, serving
from sandbox.world import World

_PEOPLE = {"insurer": "clerk-a", "subsidy_system": "officer", "regulator": "supervisor", "operator": "operator-1"}
_SECOND = 1.0  # no page takes longer
_BATCH = 10_000
_ROUNDS = 5
_TIMEOUT = 120
# The verdicts that the cases came to, again and again, as first revisions of other policies.
_COPY = """
WITH latest AS (
    SELECT DISTINCT ON (insurer, policy_no) * FROM premiums WHERE position < %(told)s
    ORDER BY insurer, policy_no, revision DESC
), numbered AS (SELECT *, row_number() OVER (ORDER BY position) - 1 AS place, count(*) OVER () AS many FROM latest)
INSERT INTO premiums (position, insurer, policy_no, revision, status, known_at, leaf_index, leaf_hash, signature,
    policy_submission, net_paid, body)
SELECT n, insurer, left(policy_no, 12) || lpad(n::text, 10, '0'), 1, status,
    known_at - make_interval(hours => ((n * 7) %% 17520)::int), leaf_index, leaf_hash, signature, policy_submission,
    net_paid, body
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n JOIN numbered ON n %% many = place
"""


_SEARCHES = ("/search?enterprise=%E7%A4%BA%E4%BE%8B", "/search?status=held", "/search?q=PJIA", "/impacts")
_DRILLS = ("/drill", "/drill?check=FL-1&outcome=failed", "/board?by=month", "/board?by=clause", "/findings?list=rates")


def paths_of(role: str) -> list[str]:
    """What somebody of this role opens: everything in the menu, and what it leads to."""
    paths = [page.path for page in menu(role)]
    if role in ("subsidy_system", "regulator"):
        paths += _SEARCHES
    if role == "regulator":
        paths += _DRILLS
    return list(dict.fromkeys(paths))


NAMES = frozenset(f"console.{role}{path}" for role in _PEOPLE for path in paths_of(role))


def run(premiums: int) -> Iterator[Line]:
    """Pages a second, of each page that somebody may open."""
    world = World(1, at=datetime.now(UTC))
    with place() as where:
        made = provision(world, where.folder / "console", port=free_port(), with_users=True)
        dsn = where.new_database("console")
        with serving(made.config, GATEWAY_DSN=dsn) as gateway:
            push_filings(world, gateway, made.registry)
            for case in world.cases():
                tell(world, gateway, case)
            _fill(dsn, premiums)
            if made.demo_users is None or made.demo_keys is None:
                raise ValueError("a sandbox without people")
            with console(gateway, made.demo_users, made.demo_keys) as url:
                for role, name in _PEOPLE.items():
                    yield from _of_role(url, made, role, name, premiums)


def _fill(dsn: str, premiums: int) -> None:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count FROM feed_head").fetchone()
        told = int(row[0]) if row else 0
        start = time.perf_counter()
        for first in range(told, told + premiums, _BATCH):
            last = min(first + _BATCH, told + premiums) - 1
            connection.execute(_COPY.encode(), {"told": told, "first": first, "last": last})
            connection.execute("UPDATE feed_head SET count = %s", (last + 1,))
            connection.commit()
            took = time.perf_counter() - start
            print(f"\r{last - told + 1} premiums in {took:.0f} s", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _of_role(url: str, made: Provisioned, role: str, name: str, premiums: int) -> Iterator[Line]:
    session = _signed_in(url, made, name)
    for path in paths_of(role):
        values, floors = [], []
        _seconds(session, url + path)
        for _ in range(_ROUNDS):
            values.append(1 / _seconds(session, url + path))
            floors.append(1 / _seconds(requests.Session(), url + "/signin"))
        slowest = round(1000 / min(values))
        yield of_rates(
            f"console.{role}{path}",
            "pages/s",
            values,
            floors,
            premiums=premiums,
            slowest_ms=slowest,
            within_a_second=min(values) >= 1 / _SECOND,
        )


def _seconds(session: requests.Session, address: str) -> float:
    start = time.perf_counter()
    answer = session.get(address, timeout=_TIMEOUT)
    took = time.perf_counter() - start
    if answer.status_code != requests.codes.ok:
        raise ValueError(f"{address}: {answer.status_code}")
    return took


def _signed_in(url: str, made: Provisioned, name: str) -> requests.Session:
    person = next(one for one in made.people if one.name == name)
    session = requests.Session()
    before = re.search(r'name="before" value="([^"]+)"', session.get(f"{url}/signin", timeout=_TIMEOUT).text)
    form = {"before": before[1] if before else "", "user": person.name, "password": person.password}
    session.post(f"{url}/signin/password", data=form, headers={"origin": url}, timeout=_TIMEOUT)
    return session
