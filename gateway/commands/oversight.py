"""`gateway oversight recompute`: the numbers of the compliance board from an export of the feed, offline."""

import sys
from dataclasses import replace
from pathlib import Path

import orjson

from gateway.oversight.compliance import By, Wanted
from gateway.oversight.recompute import NotTheFeed, read_feed, recompute

_UNREADABLE = 3


def recompute_compliance(file: Path, wanted: Wanted, by: By) -> int:
    """Print what `GET /v1/oversight/compliance` answers with the same parameters: `as_of`, `by`, `rows`, `total`.

    0; 3 if the file is not the feed from its first revision on.
    """
    line, clause = ("" if one == "none" else one for one in (wanted.line, wanted.clause))
    wanted = replace(wanted, line=line, clause=clause)
    try:
        with file.open("rb") as lines:
            told = recompute(read_feed(lines), wanted, by)
    except (NotTheFeed, OSError) as error:
        print(f"gateway: {file}: {error}", file=sys.stderr)
        return _UNREADABLE
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    return 0
