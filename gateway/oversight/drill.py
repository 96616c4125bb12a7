"""One policy behind a number: what became of each check, why, and where its report and its evidence are."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.oversight.compliance import LETTERS, RULES, CheckName
from gateway.oversight.store import Found


def item_of(found: Found, body: bytes) -> dict[str, Any]:
    """The policy as it is listed. `reasons` say why a check did not pass; `premium` and `evidence` are addresses."""
    premium: Mapping[str, Any] = orjson.loads(body)
    policy = premium.get("policy") or {}
    answers = {check["rule"]: check for check in premium["report"]["checks"]}
    place = f"/v1/insurers/{found.insurer}/policies/{found.policy_no}"
    numbers = [clause["registration_no"] for clause in policy.get("clauses", ())]
    return {
        "insurer": found.insurer,
        "policy_no": found.policy_no,
        "revision": found.revision,
        "known_at": found.known_at.isoformat(),
        "signed_on": str(found.signed_on) if found.signed_on else None,
        "line": found.line or None,
        "clause": found.clause or None,
        "clauses": numbers,
        "status": found.status,
        "checks": {name: LETTERS[letter] for name, letter in zip(RULES, found.outcomes, strict=True)},
        "reasons": {
            name: answers[rule]["reason"] for name, rule in RULES.items() if answers.get(rule, {}).get("reason")
        },
        "premium": f"{place}/premium",
        "evidence": f"{place}/evidence",
    }


def facts_of(body: bytes, check: CheckName) -> dict[str, Any]:
    """The facts on which the answer to a check rests, as its report states them; empty if it did not run."""
    for one in orjson.loads(body)["report"]["checks"]:
        if one["rule"] == RULES[check]:
            facts: dict[str, Any] = one.get("facts") or {}
            return facts
    return {}
