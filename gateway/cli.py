"""The command `gateway`. Exit codes: 0 passed or done, 1 failed, 2 indeterminate, 3 unreadable, 64 wrong usage.

Machine output goes to stdout, everything else to stderr.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress

from gateway.commands.arguments import USAGE, new_parser
from gateway.errors import GatewayError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    parsed = new_parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] | None = getattr(parsed, "run", None)
    if command is None:  # a group alone: what there is in it
        with redirect_stdout(sys.stderr), suppress(SystemExit):
            new_parser().parse_args([*(sys.argv[1:] if arguments is None else arguments), "--help"])
        return USAGE
    try:
        return command(parsed)
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
