"""An application against what is verified: row by row, field by field, and what the applicant did not mention."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.db import Connection
from gateway.match import store
from gateway.match.awards import Awards
from gateway.match.compare import Context, Known, compare
from gateway.match.find import MOST_CANDIDATES, Finding, Index, Key, find_each, keys_of_holder, keys_of_product
from gateway.match.read import Application, Line, stated_values
from gateway.match.store import Keys, Life
from gateway.match.values import Said
from gateway.shown import visible
from schemas.party import folded

SCHEME = "ZJ-NDI"  # whose annexes these are
_MOST_OTHERS = 1000
_GRAVITY = ("differs", "unknown", "agrees")


@dataclass(frozen=True, slots=True)
class Basis:
    """What was found in the database for one application."""

    premiums: Sequence[Known]
    findings: Sequence[Finding]
    lives: Mapping[int, Life]
    awards: Awards


async def match(
    connection: Connection,
    application: Application,
    *,
    as_of: datetime,
    insurers: Mapping[str, str],
    scheme: str = SCHEME,
) -> dict[str, Any]:
    """The answer as JSON values: `rows` with their fields, `others` that the application leaves out, a `summary`.

    `insurers` maps folded names and codes to insurer codes. Nothing is written.
    """
    lines = application.lines
    keys = await asyncio.to_thread(_keys, lines)
    premiums = await store.find_premiums(connection, as_of, keys)
    findings = await asyncio.to_thread(lambda: find_each(lines, Index(premiums), insurers))
    found = {finding.premium.position: finding.premium for finding in findings if finding.premium is not None}
    more = _further_keys(found.values(), keys)
    if more is not None:
        # What else there is of these enterprises and products, where the application named neither.
        premiums += await store.find_premiums(connection, as_of, more, but=premiums)
    revised = [one.position for one in found.values() if one.revision > 1]
    lives = await store.load_lives(connection, revised, as_of) if revised else {}
    awards = await store.find_awards(connection, list(found.values()), as_of)
    basis = Basis(premiums, findings, lives, awards)
    return await asyncio.to_thread(_answer, application, basis, Context(scheme, insurers), as_of)


def _keys(lines: Sequence[Line]) -> Keys:
    return Keys(
        policy_nos=set(stated_values(lines, "policy_no")),
        holder_codes=set(stated_values(lines, "credit_code")),
        holder_names=set(map(folded, stated_values(lines, "enterprise"))),
        approval_nos=set(stated_values(lines, "approval_no")),
        product_names=set(map(folded, stated_values(lines, "product"))),
    )


def _further_keys(found: Iterable[Known], asked: Keys) -> Keys | None:
    """The keys of what was found that were not asked for yet; `None` if there are none."""
    found = tuple(found)
    codes = {code for one in found if (code := one.text("credit_code")) is not None} - set(asked.holder_codes)
    names = {one.enterprise for one in found if one.text("credit_code") is None and one.enterprise is not None}
    approvals = {number for one in found if (number := one.text("approval_no")) is not None} - set(asked.approval_nos)
    products = {one.product for one in found if one.product is not None} - set(asked.product_names)
    names -= set(asked.holder_names)
    if not (codes or names or approvals or products):
        return None
    return Keys(holder_codes=codes, holder_names=names, approval_nos=approvals, product_names=products)


def _answer(application: Application, basis: Basis, context: Context, as_of: datetime) -> dict[str, Any]:
    claimed: dict[int, list[int]] = {}
    for line, finding in zip(application.lines, basis.findings, strict=True):
        if finding.premium is not None:
            claimed.setdefault(finding.premium.position, []).append(line.number)
    rows = [
        _row(line, finding, basis, context, claimed)
        for line, finding in zip(application.lines, basis.findings, strict=True)
    ]
    others, count = _others(basis, claimed)
    outcomes = [row["outcome"] for row in rows]
    return {
        "annex": application.annex,
        "as_of": as_of.isoformat(),
        "scheme": context.scheme,
        "rows": rows,
        "others": others,
        "others_count": count,
        "summary": {outcome: outcomes.count(outcome) for outcome in ("agrees", "differs", "unknown")},
        "unread": [visible(label, 100) for label in application.unread],
        "passed_over": list(application.passed_over),
    }


def _row(
    line: Line, finding: Finding, basis: Basis, context: Context, claimed: Mapping[int, list[int]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"row": line.number, "outcome": "unknown", "by": finding.by}
    if finding.premium is None:
        row["found"] = "none" if finding.reason != "several" else "several"
        row["reason"] = finding.reason
        if finding.candidates:
            row["candidates"] = [premium_as_json(one) for one in finding.candidates]
        row["fields"] = [
            {"field": name, "cell": line.place(name), "outcome": "unknown", "stated": said.shown}
            for name, said in line.said.items()
        ]
        return row
    known = finding.premium
    verified = known.facts if known.status == "verified" else {}
    fields = [
        # The same text, which is what most fields are: no field means more than that.
        {"field": name, "cell": line.place(name), "outcome": "agrees", "verified": said.value}
        if said.value is not None and said.value == verified.get(name)
        else _field(name, said, line, known, context)
        for name, said in line.said.items()
    ]
    row |= {
        "found": "one",
        "premium": {
            "insurer": known.insurer,
            "policy_no": known.policy_no,
            "revision": known.revision,
            "status": known.status,
            "known_at": known.known_at,
        },
        "fields": fields,
        "unmentioned": [
            *_unmentioned(line, known, basis.lives.get(known.position), claimed[known.position]),
            *basis.awards.about(known, MOST_CANDIDATES),
        ],
    }
    # What no gateway holds decides nothing; whatever else is unknown does.
    outcomes = {one["outcome"] for one in fields if one.get("reason") != "not-held"}
    outcomes = {"agrees" if one == "agrees-at-precision" else one for one in outcomes}
    if known.status != "verified":
        outcomes.add("unknown")
    row["outcome"] = next((one for one in _GRAVITY if one in outcomes), "unknown")
    return row


def _field(name: str, said: Said, line: Line, known: Known, context: Context) -> dict[str, Any]:
    found = compare(said, known, context)
    field: dict[str, Any] = {"field": name, "cell": line.place(name), "outcome": found.answer}
    if said.shown and found.answer != "agrees":  # what agrees is said once
        field["stated"] = said.shown
    if found.verified is not None:
        field["verified"] = found.verified
    if found.unit is not None:
        field["unit"] = found.unit
    if found.reason is not None:
        field["reason"] = found.reason
    if said.problem is not None:
        field["problem"] = {"rule": said.problem[0], "reason": said.problem[1]}
    return field


def _unmentioned(line: Line, known: Known, life: Life | None, claimed: Sequence[int]) -> list[dict[str, Any]]:
    """What bears on the premium and no annex asks for."""
    told: list[dict[str, Any]] = []
    refunded = known.money("refunded")
    if refunded is not None and refunded != "0.00":
        told.append({"kind": "refunded", "amount": refunded, "refunds": known.facts.get("refunds") or []})
    for name, kind in (("returned", "premium-returned"), ("written_off", "written-off")):
        amount = known.money(name)
        if amount is not None and amount != "0.00":
            told.append({"kind": kind, "amount": amount})
    impact = known.facts.get("impact")
    if isinstance(impact, dict):
        told.append({"kind": "impact", **impact})
    if life is not None and life.later_revisions > 0 and life.first_verified_at is not None:
        since = life.first_verified_at.isoformat()
        told.append({"kind": "changed-since-verified", "revisions": life.later_revisions, "first_verified_at": since})
    shares = known.facts.get("coinsurance")
    if shares:
        told.append({"kind": "coinsured", "shares": shares})
    if len(claimed) > 1:
        others = [number for number in claimed[: MOST_CANDIDATES + 1] if number != line.number]
        told.append({"kind": "claimed-again", "rows": others[:MOST_CANDIDATES], "count": len(claimed) - 1})
    return told


def _others(basis: Basis, claimed: Mapping[int, list[int]]) -> tuple[list[dict[str, Any]], int]:
    """The premiums of the same products and enterprises that no row claims, with why they are named."""
    claims: dict[str, dict[Key, list[int]]] = {"same-enterprise": {}, "same-product": {}}
    for known in {finding.premium.position: finding.premium for finding in basis.findings if finding.premium}.values():
        rows = claimed[known.position][:MOST_CANDIDATES]
        for reason, keys in (("same-enterprise", keys_of_holder(known)), ("same-product", keys_of_product(known))):
            for key in keys:
                named = claims[reason].setdefault(key, [])
                if len(named) < MOST_CANDIDATES:
                    named += rows
    found: list[dict[str, Any]] = []
    count = 0
    for known in basis.premiums:
        if known.position in claimed:
            continue
        because = [why for why, rows in _why(known, claims) if rows]
        if not because:
            continue
        count += 1
        if len(found) < _MOST_OTHERS:
            named = sorted({row for _, rows in _why(known, claims) for row in rows})[:MOST_CANDIDATES]
            found.append({**premium_as_json(known), "because": because, "rows": named})
    return found, count


def _why(known: Known, claims: Mapping[str, Mapping[Key, list[int]]]) -> list[tuple[str, list[int]]]:
    """For each reason to name the premium, the rows that give it."""
    holders, products = keys_of_holder(known), keys_of_product(known)
    return [
        ("same-enterprise", [row for key in holders for row in claims["same-enterprise"].get(key, ())]),
        ("same-product", [row for key in products for row in claims["same-product"].get(key, ())]),
    ]


def premium_as_json(known: Known) -> dict[str, Any]:
    """A premium that is only named: whose it is, its status, its period and its money."""
    return {
        "insurer": known.insurer,
        "policy_no": known.policy_no,
        "revision": known.revision,
        "status": known.status,
        "approval_no": known.text("approval_no"),
        "due": known.money("due"),
        "net_paid": known.money("net_paid"),
        "period": {"start": known.text("start"), "end": known.text("end")},
    }
