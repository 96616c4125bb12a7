"""Issuing a card: as of which moment, under which number, and once for each moment at which cards are issued.

The number names insurer, period, revision and the digest of what the card says. The same card as of the same moment is
the same bytes: what it says follows from rows that do not change, and a card that was issued is kept.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from gateway.cards import store, terms
from gateway.cards.daily import make_daily
from gateway.cards.monthly import make_monthly
from gateway.cards.terms import Period
from gateway.db import Connection
from gateway.errors import GatewayError
from gateway.participants import Participant
from gateway.state import Gateway
from schemas.calendar import SHANGHAI
from schemas.canonical import as_json, canonical

_SETTLED = timedelta(seconds=120)
_LONGEST_DIGEST = 12


class NotYet(GatewayError):
    """Of this period nothing is known yet."""


def moment_for(period: Period, now: datetime) -> datetime:
    """As of which moment a card is told that nobody asked otherwise for: that at which it is final.

    Before, a day is told as of the last whole minute that is settled, a month as of the last midnight in Shanghai, or
    like a day on its first. Raises `NotYet` before there is such a moment.
    """
    settled = now - _SETTLED
    if period.final_at <= settled:
        return period.final_at
    minute = settled.replace(second=0, microsecond=0)
    if period.kind == "monthly":
        midnight = settled.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        minute = midnight if midnight > period.start else minute
    if minute < period.start:
        raise NotYet(f"{period.name} has not begun")
    return minute


async def find_or_make(
    connection: Connection, gateway: Gateway, insurer: Participant, period: Period, as_of: datetime | None
) -> bytes:
    """The card in canonical JSON; kept if it is one of those that are issued. Raises `NotYet`."""
    usual = moment_for(period, gateway.clock()) if as_of is None else None
    moment = (as_of or usual or period.final_at).astimezone(UTC)
    kept = await store.find_card(connection, insurer.code, period.kind, period.first, moment)
    if kept is not None:
        return kept
    card = await _make(connection, gateway, insurer, period, moment)
    content = canonical(card)
    # A day that is under way is told anew each minute: only what stays for a while is kept.
    if usual is not None and (period.kind == "monthly" or moment == period.final_at):
        await store.issue(connection, insurer.code, period, gateway.clock(), card["number"], content, moment)
        kept = await store.find_card(connection, insurer.code, period.kind, period.first, moment)
    return kept or content


async def _make(
    connection: Connection, gateway: Gateway, insurer: Participant, period: Period, as_of: datetime
) -> dict[str, Any]:
    if period.kind == "daily":
        said = await make_daily(connection, insurer, period, as_of, gateway.catalogue)
    else:
        said = await make_monthly(
            connection, insurer, period, as_of, gateway.catalogue, gateway.config.completeness_from
        )
    revision = period.revision(as_of)
    card = {
        "card": period.kind,
        "insurer": insurer.code,
        "name": insurer.name,
        "period": period.name,
        "from": str(period.first),
        "to": str(period.last),
        "as_of": as_json(as_of),
        "final": revision > 0,
        "final_at": as_json(period.final_at.astimezone(UTC)),
        "revision": revision,
        "terms": terms.as_json(),
        "rules": gateway.catalogue.digest,
        **_plain(said),
    }
    digest = hashlib.sha256(canonical(card)).hexdigest()
    number = f"{insurer.code}-{period.name.replace('-', '')}-R{revision}-{digest[:_LONGEST_DIGEST]}"
    return card | {"number": number, "digest": f"sha256:{digest}"}


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    """The same in plain JSON values."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(said))
    return plain


def summary_of(card: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a monthly card without its lists, to stand beside those of others."""
    told = {name: card[name] for name in ("number", "insurer", "name", "period", "as_of", "final", "revision")}
    told |= {name: card[name] for name in ("messages", "premiums")}
    told["timeliness"] = {
        name: {key: value for key, value in one.items() if key != "slowest"} for name, one in card["timeliness"].items()
    }
    told["completeness"] = {name: value for name, value in card["completeness"].items() if name != "calendar"}
    told["refusals"] = sum(one["count"] for one in card["refusals"])
    told["refusals_by_rule"] = _first(card["refusals"])
    told["corrections"] = card["corrections"]
    told["seals"] = {name: value for name, value in card["seals"].items() if name not in ("findings", "used")}
    told["keys_ending"] = sum(one["standing"] in ("ends-soon", "ended") for one in card["keys"])
    return told


def _first(refusals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: one[name] for name in ("rule", "reason", "count", "title", "title_en")} for one in refusals[:5]]
