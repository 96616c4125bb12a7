"""The feed to one consumer: pages of a thousand verified premiums, one service process, every page read once.

The floor serves the same bytes under the same server settings from memory: no signature is judged or made, nothing is
read from a database. Both are read by the same consumer over one connection that stays open.
"""

import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from benches.line import Line, of_rates
from benches.load import send
from benches.market import INSURER, Sale, sales, world
from benches.servers import Server, place, program, service
from benches.wire import Unsigned, sign_all
from gateway.feed.page import Cursor

_LIMIT = 1000  # premiums a page
_ROUNDS = 5
_ROOM = 64 * 1024 * 1024  # bytes: more than any page


class WrongAnswer(Exception):
    """A page was not what it should be: what was measured is not the job."""


def run(pages: int, policies: int = 20) -> Iterator[Line]:
    """Read a feed of `pages` pages again and again; premiums a second, and by the service's processor time alone."""
    at = datetime.now(UTC).replace(microsecond=0)
    with place() as where, service(where, at, workers=1) as server:
        _fill(server, sales(at, 0, policies), at, pages)
        cursors = _cursors(server.dsn, pages)
        requests = [Unsigned("GET", f"/v1/premiums/changes?limit={_LIMIT}{after}") for after in cursors]
        reader = world(at).subsidy_system.request_key
        consumer = _Consumer()
        told = [bytes(body) for body in consumer.read(server.port, sign_all(requests, reader, server.port))]
        for body in told:
            if body.count(b'"position":') != _LIMIT or body.count(b'"status":"verified"') < _LIMIT:
                raise WrongAnswer(f"a page of {body.count(b'position')} items")
        with tempfile.TemporaryDirectory(prefix="gateway-feed-") as folder:
            for number, body in enumerate(told):
                (Path(folder) / f"{number:06d}").write_bytes(body)
            with program("benches.feed_floor", {"FLOOR_PAGES": folder}) as floor:
                yield _measure(server, floor, requests, at, consumer, sum(map(len, told)))


def _measure(
    server: Server, floor: Server, requests: Sequence[Unsigned], at: datetime, consumer: "_Consumer", size: int
) -> Line:
    reader = world(at).subsidy_system.request_key
    count = len(requests) * _LIMIT
    values: list[float] = []
    floors: list[float] = []
    cores: list[float] = []
    floor_cores: list[float] = []
    for _ in range(_ROUNDS):
        for one, rates, by_core in ((server, values, cores), (floor, floors, floor_cores)):
            signed = sign_all(requests, reader, one.port)
            before = one.cpu_seconds()
            start = time.perf_counter()
            for _body in consumer.read(one.port, signed):
                pass
            rates.append(count / (time.perf_counter() - start))
            by_core.append(count / max(one.cpu_seconds() - before, 0.01))
    return of_rates(
        "feed.consumer",
        "premiums per second",
        values,
        floors,
        per_core=round(statistics.median(cores)),
        floor_per_core=round(statistics.median(floor_cores)),
        premiums=count,
        bytes_each=round(size / count),
        page=_LIMIT,
    )


class _Consumer:
    """Reads pages one after another into one buffer: what it costs itself is little beside what it reads."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(_ROOM))

    def read(self, port: int, requests: Sequence[bytes]) -> Iterator[memoryview]:
        """The body of each answer; it stands until the next is asked for."""
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for request in requests:
                connection.sendall(request)
                filled = head = length = 0
                while not head or filled < head + length:
                    got = connection.recv_into(self._buffer[filled:])
                    if not got:
                        raise WrongAnswer("the connection was closed")
                    filled += got
                    if not head:
                        head, length = _head(bytes(self._buffer[: min(filled, 16_384)]))
                yield self._buffer[head : head + length]


def _head(start: bytes) -> tuple[int, int]:
    """Where the body begins and how long it is; zeros while the head is not all there."""
    end = start.find(b"\r\n\r\n")
    if end < 0:
        return 0, 0
    if not start.startswith(b"HTTP/1.1 200"):
        raise WrongAnswer(start[:300].decode(errors="replace"))
    for line in start[:end].lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return end + 4, int(line[15:])
    raise WrongAnswer("an answer without a length")


def _fill(server: Server, sold: Sequence[Sale], at: datetime, pages: int) -> None:
    """Some premiums by their whole way through the service; then the verified ones again and again, as new revisions of
    other policies, until there are enough."""
    key = world(at).insurer(INSURER).request_key
    for requests in (
        [one.document for one in sold if one.document is not None],
        [one.policy for one in sold],
        [receipt for one in sold for receipt in one.receipts],
    ):
        answers = send(server.port, sign_all(requests, key, server.port), connections=4)
        if answers.statuses[201] != len(requests):
            raise WrongAnswer(str(dict(answers.statuses)))
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute("SELECT count FROM feed_head").fetchone()
        head = int(row[0]) if row else 0
        more = pages * _LIMIT + _LIMIT  # the first page has what came by itself, and is not read
        connection.execute(
            "WITH verified AS (SELECT *, row_number() OVER (ORDER BY position) - 1 AS place, count(*) OVER () AS many "
            "FROM premiums WHERE status = 'verified') INSERT INTO premiums (position, insurer, policy_no, revision, "
            "status, known_at, leaf_index, leaf_hash, signature, policy_submission, net_paid, body) "
            "SELECT %s + n, insurer, policy_no || '-' || n, 1, status, known_at, leaf_index, leaf_hash, signature, "
            "policy_submission, net_paid, body FROM generate_series(0, %s - 1) AS n JOIN verified ON n %% many = place",
            (head, more),
        )
        connection.execute("UPDATE feed_head SET count = count + %s", (more,))
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE premiums")


def _cursors(dsn: str, pages: int) -> list[str]:
    """What leads to each page; the first begins where the copies do."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT position, leaf_hash FROM premiums WHERE position IN (SELECT %s::bigint * n - 1 "
            "FROM generate_series(1, %s) AS n) ORDER BY position",
            (_LIMIT, pages),
        ).fetchall()
    return [f"&after={Cursor(position + 1, leaf_hash[:16]).write()}" for position, leaf_hash in rows]
