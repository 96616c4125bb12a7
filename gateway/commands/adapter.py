"""`gateway adapter run`: translates files and prints what came out, one JSON object a record or problem."""

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from adapters.run import run
from gateway.errors import Misconfigured


def run_files(code: str, files: Sequence[Path]) -> int:
    """Translate each file. 0 if everything came out, 1 if something was refused."""
    refused = False
    try:
        for line in run(code, files):
            refused = refused or ("problem" in line and line["problem"].get("effect") != "N")
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    except KeyError as error:
        raise Misconfigured(f"there is no format {error}; see `gateway adapter list`") from error
    sys.stdout.buffer.flush()
    return 1 if refused else 0
