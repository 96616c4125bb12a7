"""A gateway that was given a past: two years of a small market through the real interface, and then the present."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from rich.console import Console

from client import Gateway
from client.session import Session, sign_in
from gateway.config import load_config
from gateway.errors import Misconfigured
from gateway.serve import serve
from sandbox.callers import caller
from sandbox.history.load import Loaded
from sandbox.history.plan import History
from sandbox.past import give_past
from sandbox.provision import Provisioned, provision
from sandbox.serving import free_port, serving
from sandbox.world import World

POLICIES = 60


@dataclass(frozen=True)
class Lived:
    """A gateway with its past, serving in the present; `feed` is what it has told by the end of its rechecks."""

    history: History
    made: Provisioned
    loaded: Loaded
    url: str
    feed: list[dict[str, Any]]

    @property
    def latest(self) -> dict[str, dict[str, Any]]:
        """The latest revision of each premium by its number."""
        return {item["premium"]["policy_no"]: item["premium"] for item in self.feed}

    def of(self, fate: str) -> list[dict[str, Any]]:
        """The premiums of the policies that went so."""
        numbers = [life.facts.policy_no for life in self.history.lives if life.fate == fate]
        return [self.latest[number] for number in numbers if number in self.latest]


@pytest.fixture(scope="module")
def lived() -> Iterator[Lived]:
    # Not below pytest's own folder, which the database's account may not enter.
    with tempfile.TemporaryDirectory(prefix="gateway-past-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)
        yield from _living(folder)


def _living(folder: Path) -> Iterator[Lived]:
    world = World(1, at=datetime.now(UTC))
    history = History(world, POLICIES)
    made = provision(world, folder, port=free_port(), with_users=True)
    quick = made.config.read_text() + "recheck_every_seconds = 0.5\n"
    loaded = give_past(history, made, Console(quiet=True))
    made.config.write_text(quick)
    with serving(made.config) as url, caller(url, world.subsidy_system.request_key) as reader:
        with caller(url, world.regulator.request_key) as regulator:
            regulator.call("PUT", "/v1/filings", body=made.registry.read_bytes(), content_type="application/json")
        yield Lived(history, made, loaded, url, _settled(reader))


def _settled(reader: Gateway) -> list[dict[str, Any]]:
    """The feed, once the seals that were revoked in the meantime are judged again."""
    for _ in range(120):
        feed = [item for _, items in reader.changes(limit=200) for item in items]
        if any("certificate.revocation" in _failing(item["premium"]) for item in feed):
            time.sleep(2)
            return [item for _, items in reader.changes(limit=200) for item in items]
        time.sleep(0.5)
    raise AssertionError("nothing was judged again")


def _failing(premium: dict[str, Any]) -> set[str]:
    return {
        check["rule"]
        for check in premium["report"]["checks"]
        if check["outcome"] != "passed" and check["severity"] == "error"
    }


def test_everything_was_answered_as_planned(lived: Lived) -> None:
    assert lived.loaded.unexpected == []
    assert lived.loaded.policies >= POLICIES
    assert lived.loaded.refused >= 8


def test_the_past_is_spread_over_two_years(lived: Lived) -> None:
    moments = [datetime.fromisoformat(item["premium"]["known_at"]) for item in lived.feed]
    assert moments == sorted(moments)
    assert moments[0] < lived.history.world.at - timedelta(days=600)
    months = Counter(f"{moment:%Y-%m}" for moment in moments)
    assert len(months) >= 12


@pytest.mark.parametrize(
    ("fate", "status", "rule"),
    [
        ("other-payer", None, None),
        ("short", "refused", "premium.paid-in-full"),
        ("unpaid", "held", "premium.paid-in-full"),
        ("no-document", None, "evidence.present"),
        ("document-later", "verified", None),
        ("content-changed", "refused", "evidence.sealed"),
        ("others-seal", "refused", "evidence.sealed-by-insurer"),
        ("unsigned", "refused", "document.signed"),
        ("premium-differs", "refused", "evidence.agrees"),
        ("unfiled", "refused", "filing.registered"),
        ("stopped", "refused", "filing.in-use-on-issue"),
        ("ordered-stop", "refused", "filing.in-use-on-issue"),
        ("late-filed", "refused", "filing.registered-before-issue"),
        ("rate-above", "refused", "filing.rate-in-band"),
        ("rate-below", "refused", "filing.rate-in-band"),
        ("red-flushed", "withdrawn", "premium.invoices-cover-payments"),
        ("refunded-after-award", "withdrawn", "premium.paid-in-full"),
        ("ended-after-award", "withdrawn", "policy.not-cancelled"),
        ("revoked-seal", "withdrawn", "certificate.revocation"),
    ],
)
def test_each_course_ends_as_it_must(lived: Lived, fate: str, status: str | None, rule: str | None) -> None:
    found = lived.of(fate)
    assert found, fate
    for premium in found:
        assert status is None or premium["status"] == status, (premium["policy_no"], _failing(premium))
        assert rule is None or rule in _failing(premium), (premium["policy_no"], _failing(premium))


def test_what_was_awarded_and_then_turned_is_to_be_taken_back(lived: Lived) -> None:
    impacts = [item["premium"]["impact"] for item in lived.feed if item["premium"].get("impact")]
    assert any(float(scheme["clawback"]) > 0 for impact in impacts for scheme in impact.get("schemes", ()))


def test_the_log_grew_with_the_days(lived: Lived) -> None:
    size = int(requests.get(f"{lived.url}/v1/log/checkpoint", timeout=10).text.splitlines()[1])
    assert size > lived.loaded.records


def test_the_present_is_not_simulated_and_the_past_cannot_be_again(lived: Lived) -> None:
    assert requests.get(f"{lived.url}/healthz", timeout=10).text == "ok\n"
    assert "simulated_clock" not in requests.get(f"{lived.url}/readyz", timeout=10).json()
    with pytest.raises(Misconfigured, match="SIMULATED-TIME"):
        serve(load_config(lived.made.config.with_name("past.toml"), {}))


def test_its_people_can_sign_in(lived: Lived) -> None:
    clerk, officer = lived.made.people[0], next(one for one in lived.made.people if one.name == "officer")
    for person in (clerk, officer):
        signed = sign_in(lived.url, person.name, person.password)
        with Session(lived.url, signed.token) as session:
            life = next(one for one in lived.history.lives if one.insurer.code == clerk.participant and one.told)
            premium = session.premium(life.insurer.code, life.facts.policy_no).value
            assert premium["policy_no"] == life.facts.policy_no


def test_the_keys_of_people_are_theirs_alone(lived: Lived) -> None:
    folder = lived.made.demo_keys
    assert folder is not None
    for person in lived.made.people:
        (file,) = (folder / person.name).glob("*.pem")
        assert file.stem == person.key.keyid
    assert len({person.key.keyid for person in lived.made.people}) == len(lived.made.people) == 14
    assert Path(lived.made.config.parent / "users.json").exists()
