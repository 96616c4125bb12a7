"""A trust folder as JSON values: everything that people ask of what stands in it, and what is fresh."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from gateway.trust.certificates import authorities, certificate_facts
from gateway.trust.folder import ANCHORS, Folder, Held
from gateway.trust.revocations import NotSigned, answers, freshness, list_facts, list_signer, oldest, response_signer
from signing.checks.paths import Link
from signing.revocation import BadRevocationData
from signing.seal import rfc3339
from signing.trust import Policy


def describe(folder: Folder, at: datetime) -> dict[str, Any]:
    """The folder as of `at`. `digest` is None if the trust store refuses the folder; `broken` says why."""
    store, policy = folder.store, folder.store.policy
    known = authorities(store)
    return {
        "folder": str(folder.path),
        "digest": None if folder.broken else store.digest,
        "at": rfc3339(at),
        "anchors": {name: [_certificate(held, at, policy) for held in folder.within(name)] for name in ANCHORS},
        "intermediates": [_certificate(held, at, policy) for held in folder.within("intermediates")],
        "crl": [_list(held, folder, known, at) for held in folder.within("crl")],
        "ocsp": [one for held in folder.within("ocsp") for one in _responses(held, folder, known, at)],
        "owners": [
            {
                "insurer": owner.insurer,
                "credit_code": owner.credit_code,
                "names": list(owner.names),
                "seal_ids": sorted(owner.seal_ids),
                "certificates": sorted(owner.certificates),
                "from": owner.first.isoformat() if owner.first else None,
                "to": owner.last.isoformat() if owner.last else None,
                "in_force": owner.holds_at(at),
            }
            for owner in store.owners
        ],
        "policy": {one.name: getattr(policy, one.name) for one in fields(Policy)},
        "broken": [asdict(one) for one in folder.broken],
    }


def _certificate(held: Held, at: datetime, policy: Policy) -> dict[str, Any]:
    facts = certificate_facts(held.der)
    late, early = at > facts.not_after + policy.clock_skew, at < facts.not_before - policy.clock_skew
    found = asdict(facts) | {"not_before": rfc3339(facts.not_before), "not_after": rfc3339(facts.not_after)}
    return {"file": held.file, **found, "state": "expired" if late else "not-yet-valid" if early else "valid"}


def _list(held: Held, folder: Folder, known: Sequence[Link], at: datetime) -> dict[str, Any]:
    try:
        facts = list_facts(held.der)
    except BadRevocationData as error:
        return {"file": held.file, "issuer": "", "state": "unsigned", "detail": str(error)[:300]}
    policy = folder.store.policy
    try:
        list_signer(held.der, known)
        state: str = freshness(facts.this_update, facts.next_update, at, skew=policy.clock_skew, max_age=oldest(policy))
    except NotSigned:
        state = "unsigned"
    return {
        "file": held.file,
        "issuer": facts.issuer,
        "number": None if facts.number is None else str(facts.number),
        "entries": facts.entries,
        "delta": facts.delta,
        "this_update": rfc3339(facts.this_update),
        "next_update": rfc3339(facts.next_update) if facts.next_update else None,
        "state": state,
    }


def _responses(held: Held, folder: Folder, known: Sequence[Link], at: datetime) -> list[dict[str, Any]]:
    try:
        about = answers(held.der)
        issuer = certificate_facts(response_signer(held.der, known, at).der).subject
    except (BadRevocationData, NotSigned):
        return [{"file": held.file, "issuer": "", "state": "unsigned"}]
    return [
        {
            "file": held.file,
            "issuer": issuer,
            "serial": f"{one.serial:x}",
            "status": one.status,
            "this_update": rfc3339(one.this_update),
            "next_update": rfc3339(one.next_update) if one.next_update else None,
            "state": freshness(one.this_update, one.next_update, at, skew=folder.store.policy.clock_skew),
        }
        for one in about
    ]
