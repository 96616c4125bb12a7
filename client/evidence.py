"""`gateway evidence export`: the evidence bundle of one premium, fetched by whoever may read it."""

import argparse
import sys

import requests

from client.gateway import Gateway, Problem
from client.keys import Key

_UNREADABLE = 3
_WRONG_USAGE = 64


def export(parsed: argparse.Namespace) -> int:
    """Fetch the bundle into `--out`. 0 done, 3 if the gateway refuses or cannot be reached."""
    try:
        key = Key.from_pem(parsed.keyid or parsed.key.stem, parsed.key.read_bytes())
    except (OSError, ValueError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return _WRONG_USAGE
    with Gateway(parsed.url, key) as gateway:
        try:
            answer = gateway.evidence(parsed.insurer, parsed.policy_no)
        except (Problem, requests.RequestException) as error:
            print(f"gateway: {error}", file=sys.stderr)
            return _UNREADABLE
    parsed.out.write_bytes(answer.body)
    return 0
