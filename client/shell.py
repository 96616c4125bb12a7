"""`gateway submit` and `gateway status`: the SDK from the shell."""

import argparse
import json
import sys
from pathlib import Path

import requests

from client.gateway import Gateway, Problem
from client.keys import Key

_DOCUMENTS = {".ofd": "application/ofd", ".pdf": "application/pdf"}
_MESSAGES = {".json": "application/json", ".xml": "application/xml", ".csv": "text/csv"}


def submit(parsed: argparse.Namespace) -> int:
    """Hand in a document (.ofd, .pdf) or submit a message; prints the answer. 0 passed, 1 refused, 2 held."""
    file: Path = parsed.file
    media_type = parsed.content_type or _DOCUMENTS.get(file.suffix.lower()) or _MESSAGES.get(file.suffix.lower())
    if media_type is None:
        print(f"gateway: say --content-type for {file.name}", file=sys.stderr)
        return 64
    with gateway_of(parsed) as gateway:
        try:
            if file.suffix.lower() in _DOCUMENTS:
                value = gateway.put_document(file.read_bytes(), media_type).value
                outcome = value["report"]["outcome"]
            else:
                value = gateway.submit(file.read_bytes(), media_type, message_id=parsed.message_id).value
                outcome = value["status"]
        except Problem as problem:
            return told(problem)
        except (OSError, requests.RequestException) as error:
            return unreachable(error)
    print(json.dumps(value, ensure_ascii=False))
    return {"passed": 0, "verified": 0, "held": 2, "indeterminate": 2}.get(outcome, 1)


def status(parsed: argparse.Namespace) -> int:
    """The final answer to a message, or a policy's premium; prints it. 0 verified, 1 refused, 2 held."""
    with gateway_of(parsed) as gateway:
        try:
            if parsed.policy is not None:
                value = gateway.premium(parsed.insurer, parsed.policy).value
            else:
                value = gateway.receipt(message_id=parsed.message_id).value
        except Problem as problem:
            return told(problem)
        except requests.RequestException as error:
            return unreachable(error)
    print(json.dumps(value, ensure_ascii=False))
    return {"verified": 0, "held": 2}.get(value["status"], 1)


def gateway_of(parsed: argparse.Namespace) -> Gateway:
    """A connection under the key that the command line names. Ends the command if the key cannot be read."""
    try:
        key = Key.from_pem(parsed.keyid or parsed.insurer, parsed.key.read_bytes())
    except (OSError, ValueError) as error:
        print(f"gateway: {parsed.key}: {error}", file=sys.stderr)
        raise SystemExit(64) from error
    return Gateway(parsed.url, key)


def told(problem: Problem) -> int:
    """Print the problem document; the exit code."""
    print(json.dumps(problem.document, ensure_ascii=False))
    return 1


def unreachable(error: Exception) -> int:
    """Say that the gateway was not reached; the exit code."""
    print(f"gateway: {error}", file=sys.stderr)
    return 3
