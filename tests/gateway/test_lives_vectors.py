"""The published vectors through the live ledger: what the command answers on files, the ledger answers on messages."""

import json
import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from house import on
from lives import judging, tell

from gateway.db import Connection
from gateway.schemes import Terms, find_scheme
from gateway.submissions.memory.store import find_of_number
from gateway.submissions.worth import find_lines
from tests.shared import shared

FOLDER = shared("domain/schemes")
CASES = sorted(file.name.removesuffix(".expected.json") for file in FOLDER.glob("*.expected.json"))
NOW = datetime(2027, 6, 1, tzinfo=UTC)


def given(name: str) -> tuple[list[dict[str, Any]], str, date, dict[str, str], list[dict[str, Any]]]:
    """Messages, scheme, day, answers, expected lines."""
    said = json.loads((FOLDER / f"{name}.expected.json").read_text("utf-8"))
    messages = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines() if line]
    options = dict(zip(said["args"][::2], said["args"][1::2], strict=True))
    pairs = [said["args"][place + 1] for place, word in enumerate(said["args"]) if word == "--set"]
    answers = dict(pair.split("=", 1) for pair in pairs)
    return messages, options["--scheme"], date.fromisoformat(options["--at"]), answers, said["expected"]


@pytest.mark.parametrize("order", ["as sent", "shuffled", "together"])
@pytest.mark.parametrize("name", CASES)
def test_the_live_ledger_answers_as_the_command(dsn: str, name: str, order: str) -> None:
    messages, scheme, at, answers, expected = given(name)
    if order == "shuffled":
        random.Random(name).shuffle(messages)
    by = judging(*sorted({message["insurer"] for message in messages if "insurer" in message}))
    terms = Terms(find_scheme(scheme, at), answers)

    async def run(connection: Connection) -> None:
        await tell(connection, by, messages, together=len(messages) if order == "together" else 1)
        numbers = [message["record"]["policy_no"] for message in messages if message["type"] == "policy"]
        keys = await find_of_number(connection, numbers)
        lines: list[dict[str, Any]] = [line.as_json() for line in await find_lines(connection, keys, terms, by, at)]
        assert len(lines) == len(expected)
        for line in expected:
            wanted = {policy["policy_no"] for policy in line["policies"]}
            (same,) = (
                one
                for one in lines
                if one["year"] == line["year"]
                and {policy["policy_no"] for policy in one["policies"]} == wanted
                and one["product_key"] == line.get("product_key", one["product_key"])
            )
            check(same, line)

    on(dsn, run)


def check(line: dict[str, Any], expected: dict[str, Any]) -> None:
    """The line is as expected; as nothing is sealed here, nothing of it is verified."""
    assert line["subsidy"] == expected["subsidy"]
    assert line.get("clawback", "0.00") == expected.get("clawback", "0.00")
    assert line["verified_subsidy"] == "0.00"
    for policy in expected["policies"]:
        (own,) = (one for one in line["policies"] if one["policy_no"] == policy["policy_no"])
        for key in ("outcome", "eligible_premium", "subsidy"):
            assert own[key] == policy[key], (policy["policy_no"], key)
        assert set(policy["failing_includes"]) <= set(own["failing"])
        assert own["status"] in ("held", "refused")
