"""`gateway document erase`: an operator asks that a document goes, or agrees to what another person asked for."""

import argparse
import json
import re
import sys
from urllib.parse import urlencode

import requests

from client.gateway import Problem
from client.shell import gateway_of, told, unreachable


def erase(parsed: argparse.Namespace) -> int:
    """Send the request; prints what stands. 0 erased and gone, 2 if another person or the store has to follow."""
    digest = parsed.document.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        print(f"gateway: no digest of a document: {parsed.document}", file=sys.stderr)
        return 64
    order = {
        "ground": parsed.ground,
        "order_no": parsed.order_no,
        "ordered_by": parsed.ordered_by,
        "ordered_on": parsed.ordered_on.isoformat(),
    }
    with gateway_of(parsed) as gateway:
        try:
            value = gateway.call("DELETE", f"/v1/documents/{digest}?{urlencode(order)}").value
        except Problem as problem:
            return told(problem)
        except requests.RequestException as error:
            return unreachable(error)
    print(json.dumps(value, ensure_ascii=False))
    return 0 if value["status"] == "erased" and value.get("bytes") == "gone" else 2
