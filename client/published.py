"""What the gateway publishes to everybody, asked without a key."""

from typing import Any

import requests

_SOON = 5.0  # seconds


def read_rules(url: str, *, timeout: float = _SOON) -> dict[str, dict[str, Any]]:
    """The rule catalogue by rule id: titles, reasons and cures in both languages.

    Raises `requests.RequestException` where the gateway does not answer.
    """
    answer = requests.get(url.rstrip("/") + "/v1/rules", timeout=timeout)
    answer.raise_for_status()
    return {rule["id"]: rule for rule in answer.json()["rules"]}
