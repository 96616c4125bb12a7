"""Events: what a subscriber is sent about a revision, as CloudEvents 1.0 in the JSON format, structured mode."""

from collections.abc import Sequence
from typing import Any

import orjson

from gateway.feed.page import item
from gateway.feed.store import StoredPremium

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_PREFIX = "cn.gateway.premium."
_IMPACT = "impact"
TYPES = tuple(_PREFIX + kind for kind in ("verified", "held", "refused", "withdrawn", _IMPACT))
"""One for each status of a revision, and one for a revision that changes what others relied on."""

REVISION, IMPACT = 0, 1
"""The parts of a revision that are sent, in this order."""


def parts_of(stated: dict[str, Any], types: Sequence[str]) -> list[int]:
    """Which parts of the revision go to who wants these types."""
    parts = [REVISION] if _PREFIX + stated["status"] in types else []
    return [*parts, IMPACT] if "impact" in stated and _PREFIX + _IMPACT in types else parts


def name_event(stated: dict[str, Any], position: int, part: int) -> tuple[str, str]:
    """The event's id, the same for every subscriber and at every attempt, and its type."""
    kind = _IMPACT if part == IMPACT else stated["status"]
    return f"premium_{position + 1}_{kind}", _PREFIX + kind


def write_event(found: StoredPremium, part: int, origin: str) -> tuple[str, bytes]:
    """The event's id and the bytes that are signed and sent.

    `data` is the item of the feed, with the revision's bytes as they were logged. `subject` is the premium; `sequence`
    (the CloudEvents extension, text order is feed order) its position; `partitionkey` says within what events are in
    order. `timestamp` repeats `time` for readers of Standard Webhooks.
    """
    stated = orjson.loads(found.body)
    name, kind = name_event(stated, found.position, part)
    premium = f"{stated['insurer']}/{stated['policy_no']}"
    head = {
        "specversion": "1.0",
        "id": name,
        "source": f"//{origin}",
        "type": kind,
        "subject": f"premium:{premium}",
        "time": stated["known_at"],
        "timestamp": stated["known_at"],
        "datacontenttype": "application/json",
        "sequence": f"{found.position + 1:018d}",
        "partitionkey": premium,
    }
    return name, orjson.dumps(head)[:-1] + b',"data":' + item(found, origin) + b"}"
