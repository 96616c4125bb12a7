"""`gateway evidence export` and `gateway receipt export`: what proves, fetched by whoever may read it."""

import argparse
import sys
from collections.abc import Callable

import requests

from client.gateway import Answer, Gateway, Problem
from client.keys import Key

_UNREADABLE = 3
_WRONG_USAGE = 64


def export(parsed: argparse.Namespace) -> int:
    """Fetch the bundle into `--out`. 0 done, 3 if the gateway refuses or cannot be reached."""
    return _fetch(parsed, lambda gateway: gateway.evidence(parsed.insurer, parsed.policy_no))


def export_receipt(parsed: argparse.Namespace) -> int:
    """Fetch a receipt to be filed into `--out`, with its proof if that ends in `.tlog-proof`. 0 done, 3 if the gateway
    refuses or cannot be reached."""
    proof = parsed.out.suffix == ".tlog-proof"
    return _fetch(parsed, lambda gateway: gateway.filed_receipt(parsed.submission, proof=proof))


def _fetch(parsed: argparse.Namespace, ask: Callable[[Gateway], Answer]) -> int:
    try:
        key = Key.from_pem(parsed.keyid or parsed.key.stem, parsed.key.read_bytes())
    except (OSError, ValueError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return _WRONG_USAGE
    with Gateway(parsed.url, key) as gateway:
        try:
            answer = ask(gateway)
        except (Problem, requests.RequestException) as error:
            print(f"gateway: {error}", file=sys.stderr)
            return _UNREADABLE
    parsed.out.write_bytes(answer.body)
    return 0
