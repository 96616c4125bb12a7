"""What the gateway sends to a subscriber: verified by Standard Webhooks 1.0.0, read as a CloudEvent."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_SECRET = "whsec_"  # noqa: S105 - the prefix that every secret has, not one
_TOLERANCE = timedelta(minutes=5)


class NotGenuine(Exception):
    """The message is not one that the gateway sent to this subscriber just now. Answer 400 and forget it."""


def read_event(secret: str, headers: Mapping[str, str], body: bytes, *, at: datetime | None = None) -> dict[str, Any]:
    """The event in a message's body, as it came. Raises `NotGenuine`.

    Answer 2xx only when the event is kept. The same event may come again, under the same `id`: keep each id once. The
    events of one premium come in order; `data` is an item of the feed, so that `data.position` says what is newer.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    try:
        name, moment, signatures = (fields[f"webhook-{field}"] for field in ("id", "timestamp", "signature"))
        sent_at = datetime.fromtimestamp(int(moment), UTC)
        key = base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise NotGenuine("the webhook headers are missing or malformed") from error
    if abs((at or datetime.now(UTC)) - sent_at) > _TOLERANCE:
        raise NotGenuine("the message was not sent just now")
    expected = hmac.digest(key, f"{name}.{moment}.".encode() + body, hashlib.sha256)
    if not any(_is(expected, signature) for signature in signatures.split(" ")):
        raise NotGenuine("no signature is by this secret")
    event = json.loads(body)
    if not isinstance(event, dict) or event.get("id") != name:
        raise NotGenuine("the event is not the one that the headers name")
    return event


def _is(expected: bytes, signature: str) -> bool:
    version, _, value = signature.partition(",")
    try:
        return version == "v1" and hmac.compare_digest(expected, base64.b64decode(value, validate=True))
    except binascii.Error:
        return False
