"""DIA-ACORD-AL3: ACORD AL3, groups of fixed width in ASCII, one `2TRG` transaction a row.

Amounts have implied decimals and a trailing sign, the expiry is exclusive, the rate is percent with four decimals.
Specification: DIALECTS section 8.
"""

import re
from datetime import date, timedelta

from adapters import convert, dates, kinds, rates, settle
from adapters.amounts import Exact, Rate
from adapters.dates import Moment
from adapters.facts import Facts
from adapters.fixed import MORE, FixedGroups, Group
from adapters.kinds import code
from adapters.mapping import Choice, Kind, Mapping, Rows, Shape, Source
from adapters.problems import Unreadable
from schemas.money import Yuan

_SIGNED = re.compile(r"([0-9]{11})([+-])")
_WHOLE = re.compile(r"[0-9]{11}")
_RATE = re.compile(r"[0-9]{6}")
_DAY = re.compile(r"[0-9]{8}")


def signed(raw: str) -> Yuan | None:
    """Eleven digits, two of them decimals, and a trailing sign."""
    value = _filled(raw)
    if value is None:
        return None
    found = _SIGNED.fullmatch(value)
    if found is None:
        raise Unreadable("number.unreadable", "not-digits-and-sign")
    return Yuan(-int(found[1]) if found[2] == "-" else int(found[1]))


def whole_yuan(raw: str) -> Yuan | None:
    """Eleven digits, in yuan."""
    value = _filled(raw)
    if value is None:
        return None
    if not _WHOLE.fullmatch(value):
        raise Unreadable("number.unreadable", "not-digits")
    return Yuan(int(value) * 100)


def percent(raw: str) -> Rate | None:
    """Six digits, four of them decimals, in percent."""
    value = _filled(raw)
    if value is None:
        return None
    if not _RATE.fullmatch(value):
        raise Unreadable("number.unreadable", "not-digits")
    return Rate(Exact(int(value), 4), "%")


def day(raw: str) -> date | None:
    """`YYYYMMDD` and nothing else."""
    value = _filled(raw)
    if value is None:
        return None
    if not _DAY.fullmatch(value):
        raise Unreadable("date.unreadable", "form")
    return dates.day(value)


def moment(raw: str) -> Moment | None:
    """The same, as an edge of a period."""
    found = day(raw)
    return None if found is None else Moment(found, None)


def _filled(raw: str) -> str | None:
    """The columns as they stand; `None` if they say that there is no value."""
    return None if convert.stated(raw) is None else raw


SIGNED, WHOLE = Kind("digits and sign", signed, "number"), Kind("digits", whole_yuan, "number")
PERCENT, DAY, MOMENT = Kind("percent", percent, "number"), Kind("day", day, "number"), Kind("day", moment, "number")
TRANSACTION = code(
    {
        "NBS": "policy",
        "RWL": "policy",
        "END": "endorsement",
        "PCH": "endorsement",
        "CAN": "cancellation",
    }
)
LINE = code(
    {
        "PROD": "product_liability",
        "PRDCO": "product_liability",
        "DRUGL": "drug_liability",
        "MEDDV": "device_liability",
        "CLTRL": "clinical_trial_liability",
    }
)
CANCELLED = code({"F": "from_inception", "P": "mid_term", "S": "mid_term"})
CHANGED = code({"I": "increase", "D": "decrease", "A": "amend", "R": "reinstate"})


def transaction(facts: Facts) -> str | None:
    """The record that the transaction code means."""
    found: str | None = facts.values.get("type")
    return found


def liability(facts: Facts) -> None:
    """A policy is general liability, and has one coverage."""
    written = facts.ask("general_liability")
    if "line" in facts.unread or "general_liability" in facts.unread:
        return
    if written != "CGL":
        facts.blame("value.unknown", "not-general-liability", "line")
    elif "5CVG" in facts.cells.objects[MORE]:
        facts.blame("value.unknown", "several-coverages", "line")


def exclusive(facts: Facts) -> None:
    """The policy ends when the day of expiry begins: its last day is the one before."""
    end = facts.values.get("period.end")
    if end is not None:
        facts.values["period.end"] = Moment(end.day - timedelta(days=1), None)


POLICY = Shape(
    "policy",
    shared=("policy_no", "premium.currency"),
    takes={
        "policyholder.name": Source("5BIS/31-90", kinds.text, required=True),
        "policyholder.credit_code": Source("5BIS/91-108", kinds.credit_code),
        "line": Source("5CVG/31-45", LINE, required=True),
        "issued_on": Source("2TRG/197-204", DAY),
        "period.start": Source("5BPI/61-68", MOMENT, required=True),
        "period.end": Source("5BPI/69-76", MOMENT, required=True),
        "premium.gross": Source("5BPI/81-92", SIGNED, required=True),
        "premium.tax": Source("5BPI/93-104", SIGNED),
        "limits.aggregate": Source("5CVG/46-56", WHOLE),
        "limits.per_occurrence": Source("5CVG/57-67", WHOLE),
        "limits.deductible": Source("5CVG/68-78", WHOLE),
        "rate_percent": Source("5CVG/79-84", PERCENT),
    },
    asks={"general_liability": Source("2TRG/25-29", kinds.text, field="line")},
    rules=(
        liability,
        exclusive,
        settle.period,
        settle.third_amount("premium"),
        settle.cny_by_contract,
        settle.signs("premium", "positive"),
        rates.rate,
    ),
)
CHANGE = {
    "endorsement_no": Source("2TRG/171-190", kinds.policy_no, required=True),
    "effective_on": Source("2TRG/205-212", DAY, required=True),
}
ENDORSEMENT = Shape(
    "endorsement",
    shared=("policy_no",),
    takes={
        **CHANGE,
        "kind": Source("2TRG/192", CHANGED, required=True),
        "issued_on": Source("2TRG/197-204", DAY),
        "premium_change.gross": Source("5BPI/81-92", SIGNED),
        "premium_change.tax": Source("5BPI/93-104", SIGNED),
    },
    rules=(settle.third_amount("premium_change"), settle.signs_by_kind),
)
CANCELLATION = Shape(
    "cancellation",
    shared=("policy_no",),
    takes={
        **CHANGE,
        "kind": Source("2TRG/191", CANCELLED, required=True),
        "return_premium.gross": Source("5BPI/81-92", SIGNED),
        "return_premium.tax": Source("5BPI/93-104", SIGNED),
    },
    rules=(
        settle.third_amount("return_premium"),
        settle.signs("return_premium", "negative"),
        settle.magnitudes("return_premium.gross", "return_premium.net", "return_premium.tax"),
    ),
)

MAPPING = Mapping(
    dialect="DIA-ACORD-AL3",
    title="ACORD AL3, groups of fixed width",
    media_types=("text/plain",),
    format=FixedGroups(
        {
            "1MHG": Group(172, ignored=True),
            "2TRG": Group(212, ((25, 29), (168, 170), (171, 190), (191, 191), (192, 192), (197, 204), (205, 212))),
            "5BIS": Group(150, ((31, 90), (91, 108))),
            "5BPI": Group(150, ((31, 55), (61, 68), (69, 76), (81, 92), (93, 104), (105, 107))),
            "5CVG": Group(120, ((31, 45), (46, 56), (57, 67), (68, 78), (79, 84)), several=True),
            "3MTG": Group(16, ignored=True),
        }
    ),
    rows=(
        Rows(
            key=("policy_no", "endorsement_no"),
            bucket=("5BPI/31-55",),
            reads={
                "policy_no": Source("5BPI/31-55", kinds.policy_no, required=True),
                "type": Source("2TRG/168-170", TRANSACTION, required=True),
                "premium.currency": Source("5BPI/105-107", kinds.currency),
            },
            choices=(
                Choice(
                    becomes=transaction,
                    shapes={"policy": POLICY, "endorsement": ENDORSEMENT, "cancellation": CANCELLATION},
                ),
            ),
        ),
    ),
)
