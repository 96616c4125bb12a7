"""What the tests of the door share: a refusal that is documented, and the four numbers of a published suite."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import untrusted
from schemas.rules import load_rules
from untrusted import Refused

SECONDS = 5.0


@cache
def documented() -> dict[str, set[str]]:
    """Every rule of the door's catalogue, and its reasons."""
    file = Path(untrusted.__file__).with_name("rules.toml")
    return {rule.id: set(rule.reasons) for rule in load_rules([file])}


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """`rule reason` of the refusal that `call` must end in, within bounded time; rule and reason are documented."""
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        call(*arguments, **named)
    assert time.monotonic() - started < SECONDS
    return verdict(caught.value)


def verdict(refusal: Refused) -> str:
    """`rule reason`, once it is certain that both are documented and that the message is fit to be shown."""
    assert refusal.reason in documented()[refusal.rule], f"{refusal.rule} {refusal.reason} is not in rules.toml"
    assert refusal.detail.isprintable()
    assert len(str(refusal)) < 600
    return f"{refusal.rule} {refusal.reason}"


class Tally:
    """The four numbers of one suite, and the names behind them."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.cases = 0
        self.wrong: dict[str, list[str]] = {"wrong-accept": [], "wrong-reject": [], "crash": [], "timeout": []}

    def judge(self, name: str, expected: str, call: Callable[[], Any]) -> Any:
        """Run one case. `expected` is `accept`, `reject`, or anything else for `either`; the value if accepted."""
        self.cases += 1
        started = time.monotonic()
        value = None
        try:
            value = call()
        except Refused as refusal:
            verdict(refusal)
            if expected == "accept":
                self.wrong["wrong-reject"].append(f"{name}: {refusal}")
        except Exception as error:  # noqa: BLE001 - a crash is one of the four numbers
            self.wrong["crash"].append(f"{name}: {error!r}")
        else:
            if expected == "reject":
                self.wrong["wrong-accept"].append(name)
        if time.monotonic() - started > SECONDS:
            self.wrong["timeout"].append(name)
        return value

    def report(self, *, rejects_on_purpose: tuple[str, ...] = ()) -> None:
        """Print the row of the table; nothing but what is `rejects_on_purpose` may stand in it."""
        counts = "  ".join(f"{kind} {len(names)}" for kind, names in self.wrong.items())
        print(f"\n{self.suite:<28} cases {self.cases:>4}  {counts}")
        for kind, names in self.wrong.items():
            for name in names:
                print(f"    {kind}: {name}")
        assert self.cases > 0
        assert not self.wrong["wrong-accept"]
        assert not self.wrong["crash"]
        assert not self.wrong["timeout"]
        assert {name.split(":")[0] for name in self.wrong["wrong-reject"]} == set(rejects_on_purpose)
