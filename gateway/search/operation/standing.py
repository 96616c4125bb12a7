"""What an operator has to look at: certificates, lists and keys that end soon, and why the service is degraded."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from gateway.catalogue import Catalogue
from gateway.participants import Participant
from gateway.search.events.told import told_check
from gateway.search.operation.store import Endpoint
from gateway.trust.check import check_folder
from gateway.trust.describe import describe
from gateway.trust.folder import ANCHORS, read_folder
from schemas.verification import Outcome, Severity
from signing.trust import TrustError, TrustStore

SOON = timedelta(days=30)
_UNPUBLISHED = timedelta(seconds=60)
KeyState = Literal["valid", "ends-soon", "ended", "not-yet"]


def key_state(key: Any, at: datetime) -> KeyState:
    """Whether a participant's key may be used at `at`, and whether it still may in 30 days."""
    if key.not_before is not None and at < key.not_before:
        return "not-yet"
    if key.not_after is None:
        return "valid"
    return "ended" if at > key.not_after else "ends-soon" if at > key.not_after - SOON else "valid"


def told_keys(participant: Participant, at: datetime) -> list[dict[str, Any]]:
    """The keys of a participant with their dates, as they stand at `at`; `days_left` is None if no end is set."""
    return [
        {
            "keyid": key.keyid,
            "algorithm": key.algorithm,
            "holder": key.holder,
            "not_before": key.not_before,
            "not_after": key.not_after,
            "state": key_state(key, at),
            "days_left": None if key.not_after is None else (key.not_after - at).days,
        }
        for key in participant.keys
    ]


async def told_trust(path: Path, loaded: TrustStore, catalogue: Catalogue, at: datetime) -> dict[str, Any]:
    """The trust folder as it stands: what it holds with its ends, what is to be mended, and whether it is the one that
    verdicts rest on now."""
    try:
        return await asyncio.to_thread(_trust, path, loaded, catalogue, at)
    except (TrustError, OSError) as error:
        return {"outcome": "indeterminate", "detail": str(error), "loaded": loaded.digest, "same": False}


def _trust(path: Path, loaded: TrustStore, catalogue: Catalogue, at: datetime) -> dict[str, Any]:
    folder = read_folder(path)
    report, told = check_folder(folder, at), describe(folder, at)
    certificates = [one for name in ANCHORS for one in told["anchors"][name]] + told["intermediates"]
    open_ones = [check for check in report.all_checks() if check.outcome is not Outcome.PASSED]
    return {
        "outcome": report.outcome,
        "loaded": loaded.digest,
        "digest": told["digest"],
        "same": told["digest"] == loaded.digest,
        "certificates": sorted(
            ({name: one[name] for name in _OF_CERTIFICATES} | _left(one["not_after"], at) for one in certificates),
            key=lambda one: str(one["not_after"]),
        ),
        "lists": [
            {name: one.get(name) for name in _OF_LISTS} | _left(one.get("next_update"), at)
            for one in (*told["crl"], *told["ocsp"])
        ],
        "problems": [told_check(check, catalogue) for check in open_ones if check.severity is Severity.ERROR],
        "notices": [told_check(check, catalogue) for check in open_ones if check.severity is Severity.NOTICE],
    }


_OF_CERTIFICATES = ("file", "subject", "issuer", "serial", "sha256", "key", "not_before", "not_after", "state")
_OF_LISTS = ("file", "issuer", "this_update", "next_update", "state")


def _left(end: str | None, at: datetime) -> dict[str, int | None]:
    return {"days_left": None if end is None else (datetime.fromisoformat(end) - at).days}


def find_degraded(
    notes: Iterable[str],
    sources: Sequence[dict[str, Any]],
    endpoints: Sequence[Endpoint],
    log: dict[str, Any],
    trust: dict[str, Any],
    at: datetime,
) -> list[dict[str, Any]]:
    """Everything because of which the service does less than it should: `kind`, and what about it."""
    found: list[dict[str, Any]] = [{"kind": "note", "detail": note} for note in notes]
    found += [{"kind": "stale-registry", **one} for one in sources if one["stale"]]
    found += [
        {"kind": "delivery-fails", "subscription": one.id, "owner": one.owner, "since": one.failing_since}
        for one in endpoints
        if one.failures or one.given_up
    ]
    checkpoint = log["checkpoint"]
    if log["unpublished"] and (checkpoint is None or at - checkpoint["at"] > _UNPUBLISHED):
        found.append({"kind": "log-not-published", "unpublished": log["unpublished"]})
    found += [{"kind": "witness-behind", "name": one["name"], "size": one["size"]} for one in log["late_witnesses"]]
    if trust["outcome"] != Outcome.PASSED:
        found.append({"kind": "trust-folder", "outcome": trust["outcome"]})
    if not trust["same"]:
        found.append({"kind": "trust-folder-changed", "loaded": trust["loaded"]})
    return found


def told_endpoint(one: Endpoint) -> dict[str, Any]:
    """An endpoint as it is told."""
    return asdict(one)
