"""The published rule catalogue, in people's words: what a rule asks, and what a reason means."""

import threading
import time
from typing import Any

from client.published import read_rules

_KEPT_FOR = 60.0  # seconds; a catalogue changes with a release


class Catalogue:
    """The catalogue of one gateway, fetched when it is first needed and again after a minute."""

    def __init__(self, gateway_url: str) -> None:
        self._url = gateway_url
        self._rules: dict[str, dict[str, Any]] = {}
        self._until = 0.0
        self._lock = threading.Lock()

    def title(self, rule: str, language: str) -> str:
        """What a rule is called; its id where the catalogue is not to be had."""
        return str(self._rule(rule).get("title", {}).get(language, rule))

    def reason(self, rule: str, code: str, language: str) -> str:
        """What a reason of a rule means; its code where the catalogue does not say."""
        return str(self._rule(rule).get("reasons", {}).get(code, {}).get(language, code))

    def _rule(self, rule: str) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._until = time.monotonic() + _KEPT_FOR
                try:
                    self._rules = read_rules(self._url)
                except OSError:
                    self._until = 0.0  # ids are shown until it answers
            return self._rules.get(rule, {})
