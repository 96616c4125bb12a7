"""`gateway mapping`: an operator proposes or approves by which version an insurer's messages are read."""

import argparse
import json
import re
import sys
from collections.abc import Callable
from urllib.parse import quote

import requests

from client.gateway import Answer, Gateway, Problem
from client.shell import gateway_of, told, unreachable


def show(parsed: argparse.Namespace) -> int:
    """Print what is in force and what is proposed."""
    query = f"?insurer={quote(parsed.about, safe='')}" if parsed.about else ""
    return _call(parsed, lambda gateway: gateway.call("GET", f"/v1/mappings{query}"))


def propose(parsed: argparse.Namespace) -> int:
    """Propose what a replay was made for; prints the proposal with its digest, which a second person approves."""
    try:
        *_, last = parsed.replay.read_text(encoding="utf-8").splitlines()
        replay = json.loads(last)["summary"]
        stated = {name: replay[name] for name in ("insurer", "dialect", "version", "digest")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"gateway: {parsed.replay}: the last line is no summary of a replay: {error}", file=sys.stderr)
        return 64
    stated |= {"active_from": parsed.active_from.isoformat(), "reason": parsed.reason, "replay": replay}
    body = json.dumps(stated, ensure_ascii=False).encode()
    return _call(
        parsed,
        lambda gateway: gateway.call("POST", "/v1/mappings/proposals", body=body, content_type="application/json"),
    )


def approve(parsed: argparse.Namespace) -> int:
    """Approve a proposal by its digest; prints the activation."""
    digest = parsed.proposal.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        print(f"gateway: no digest of a proposal: {parsed.proposal}", file=sys.stderr)
        return 64
    return _call(parsed, lambda gateway: gateway.call("POST", f"/v1/mappings/proposals/{digest}/approval"))


def _call(parsed: argparse.Namespace, call: Callable[[Gateway], Answer]) -> int:
    """0 and the answer, 1 and the problem document, or 3."""
    with gateway_of(parsed) as gateway:
        try:
            value = call(gateway).value
        except Problem as problem:
            return told(problem)
        except requests.RequestException as error:
            return unreachable(error)
    print(json.dumps(value, ensure_ascii=False))
    return 0
