"""What a format does not carry and the register knows: the line of cover of an insurer's contract."""

import pytest
from house import registered_as, world

from gateway.participants import Participant
from gateway.submissions.read import read_message
from sandbox.dialects import Sending, render


@pytest.mark.parametrize("dialect", ["DIA-XLSX-BDX", "DIA-CRS-CSV"])
def test_a_line_that_the_format_lacks_is_the_registered_one(dialect: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    media_type, body = render(dialect, [world().policy(insurer, 1)], Sending(insurer.code, "m-1", world().at))
    plain = registered_as(insurer.code).model_dump(mode="json", exclude_none=True) | {"dialect": dialect}
    without = read_message(body, media_type, Participant.model_validate(plain))
    assert ("field.missing", "line") in {(check.rule, check.field) for check in without.checks}
    reading = read_message(body, media_type, Participant.model_validate(plain | {"line": "product_liability"}))
    policies = [one for one in reading.records if one.type == "policy"]
    assert policies, [check for check in reading.checks if check.reason]
    assert policies[0].values["line"] == "product_liability"
    assert policies[0].lineage["line"]["mapping"] == "participants"
