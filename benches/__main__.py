"""`make bench`: `python -m benches [NAME…]` prints one JSON object a line, in the order in which they are measured.

Names are the groups below; without one, all of them. Progress and trouble go to stderr.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from benches import (
    audit,
    bundle,
    console,
    feed,
    formats,
    impact,
    ledger,
    log,
    match,
    oversight,
    pdfs,
    schemes,
    seals,
    streams,
    submissions,
    year,
)
from benches.line import Line
from benches.submissions import Size

_LONG = 100_000
_ROWS = 50_000
_LONG_FILE = 1_000_000
_PORTFOLIO = 1_000_000
_PORTFOLIO_A_POLICY = 100  # premiums of which a list is made, for each policy that the service is sent
_PREMIUMS_A_POLICY = 100  # the board counts so many for each policy that the service is sent
_ROWS_A_POLICY = 25  # an application has so many rows for each policy that the service is sent
_RECORDS_A_POLICY = (25, 250)  # among so many records a record is received, for each policy that the service is sent


def groups(
    size: Size, seconds: float, rows: int, *, records: Sequence[int] = (), long: bool = False
) -> dict[str, Callable[[], Iterator[Line]]]:
    """Every group of benches by name; those of one process last about `seconds` each."""
    return {
        "submissions": lambda: submissions.run(size),
        "feed": lambda: feed.run(max(1, size.policies // 80), min(20, size.policies)),
        "seals": lambda: seals.run(seconds),
        "pdfs": lambda: pdfs.run(seconds),
        "formats": lambda: formats.run(seconds),
        "streams": lambda: streams.run(rows),
        "log": lambda: log.run(seconds),
        "audit": lambda: audit.run(seconds, max(4, size.policies // 4)),
        "bundle": lambda: bundle.run(seconds),
        "impact": lambda: impact.run(_PORTFOLIO if long else size.policies * _PORTFOLIO_A_POLICY),
        "schemes": lambda: schemes.run(seconds),
        "year": lambda: year.run(max(400, size.policies)),
        "ledger": lambda: ledger.run(
            records or [size.policies * count for count in _RECORDS_A_POLICY], size.policies * 5 // 4
        ),
        "match": lambda: match.run(size.policies * _ROWS_A_POLICY, seconds),
        "console": lambda: console.run(_PORTFOLIO if long else size.policies * _PREMIUMS_A_POLICY),
        "oversight": lambda: oversight.run(size.policies * _PREMIUMS_A_POLICY, seconds),
    }


def main() -> int:
    """Run them; 0."""
    parser = argparse.ArgumentParser(prog="benches", description="what the service does in a second, and the floor")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(groups(Size(), 0, 0)))
    parser.add_argument("--policies", type=int, default=Size.policies, help="sealed policies in each phase")
    parser.add_argument("--workers", type=int, default=Size.workers, help="processes of the service, and of the floor")
    parser.add_argument("--connections", type=int, default=Size.connections, help="requests under way at a time")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a bench of one process lasts")
    parser.add_argument("--rows", type=int, default=_ROWS, help="of the files that are read as they come")
    parser.add_argument(
        "--records", help="among how many a record is received: 10000,100000,1000000; the smallest is the floor"
    )
    parser.add_argument(
        "--long", action="store_true", help=f"memory over {_LONG} messages, {_LONG_FILE} rows and premiums"
    )
    parsed = parser.parse_args()
    long_run = _LONG if parsed.long else max(100, parsed.policies * 12)
    size = Size(parsed.policies, long_run, parsed.workers, parsed.connections)
    records = [int(count) for count in parsed.records.split(",")] if parsed.records else []
    rows = _LONG_FILE if parsed.long else parsed.rows
    chosen = groups(size, parsed.seconds, rows, records=records, long=parsed.long)
    unknown = set(parsed.names) - set(chosen)
    if unknown:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    for name in parsed.names or chosen:
        for line in chosen[name]():
            print(line.as_json(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
