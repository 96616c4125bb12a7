"""What the texts of sealed documents mean: readers from the text as it stands to the canonical value.

Each gives the value, `None` for "no value", or raises `Unreadable`. None of them guesses.
"""

import re
from collections.abc import Mapping
from unicodedata import normalize

from adapters import amounts, convert, dates, remarks, words
from adapters.document_model import Value
from adapters.problems import Unreadable


def money(raw: str) -> str | None:
    """An amount in yuan; its unit must stand beside it, or the amount has two places as money has."""
    text = normalize("NFKC", raw).strip()
    value = amounts.money(text, "元" if re.search(r"\.[0-9]{2}$", text) else None)
    return None if value is None else str(value)


def yuan(raw: str) -> str | None:
    """An amount in a field that says in its name, or in its format, that it is in yuan."""
    value = amounts.money(raw, "元")
    return None if value is None else str(value)


def yuan_only(raw: str) -> None:
    """The unit of amounts, which is yuan: it states nothing."""
    amounts.currency(raw.rpartition(":")[2])


def in_words(raw: str) -> str | None:
    """An amount in words 大写, as its figures; a mark in front that keeps anybody from adding to it is nothing."""
    value = words.amount(raw.lstrip(" \u3000ⓧ⊗"))
    return None if value is None else str(-value.amount if value.negative else value.amount)


def percent(raw: str) -> str | None:
    """A percentage; its sign must stand beside it."""
    rate = amounts.rate(raw, None)
    if rate is None:
        return None
    if rate.unit is None:
        raise Unreadable("unit.ambiguous", "no-unit")
    return str(rate.percent())


def plain_percent(raw: str) -> str | None:
    """A percentage in a field that says in its name that it is one."""
    rate = amounts.rate(raw, "%")
    return None if rate is None else str(rate.percent())


def day(raw: str) -> str | None:
    """A day."""
    value = dates.day(raw)
    return None if value is None else value.isoformat()


def clause_numbers(raw: str) -> tuple[str, ...] | None:
    """One or more clause registration numbers."""
    found = _CLAUSES(raw)
    return None if found is None else tuple(found)


def period(raw: str) -> Mapping[str, str] | None:
    """自2026年3月1日0时起至2027年2月28日24时止, and its relatives: whole days, both included (DIALECTS 0.7)."""
    stated = convert.stated(raw)
    if stated is None:
        return None
    text = "".join(normalize("NFKC", stated).split()).replace("零时", "0时").replace("二十四时", "24时")
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise Unreadable("date.unreadable", "form")
    start, end = (_moment(found[f"{side}_day"], found[f"{side}_hour"]) for side in ("start", "end"))
    first, last = dates.period(start, end)
    return {"start": first.isoformat(), "end": last.isoformat()}


def english_period(raw: str) -> Mapping[str, str] | None:
    """`2026-03-01 to 2027-02-28`: whole days. Whether the last one is included must be said, or follow.

    It follows where the day after it is an anniversary of the first; nothing else does (DIALECTS 0.7).
    """
    stated = convert.stated(raw)
    if stated is None:
        return None
    found = _ENGLISH_PERIOD.fullmatch(normalize("NFKC", stated))
    if found is None:
        raise Unreadable("date.unreadable", "form")
    first, last = dates.period(_moment(found["start"], None), _moment(found["end"], None))
    if not (found["both"] or dates.whole_years(first, last)):
        raise Unreadable("period.ambiguous", "midnight-at-the-end")
    return {"start": first.isoformat(), "end": last.isoformat()}


def english_line(raw: str) -> str | None:
    """The line of business by its English name."""
    value = convert.text(raw)
    if value is None:
        return None
    if value.lower() not in _ENGLISH_LINES:
        raise Unreadable("value.unknown", "not-in-table", known=", ".join(_ENGLISH_LINES))
    return _ENGLISH_LINES[value.lower()]


def line(raw: str) -> str | None:
    """The line of business 险种 by the name on the page."""
    value = convert.text(raw)
    if value is None:
        return None
    if value not in _LINES:
        raise Unreadable("value.unknown", "not-in-table", known=", ".join(_LINES))
    return _LINES[value]


def says_yes(_: str) -> bool | None:
    """The sentence is a statement of itself."""
    return True


def says_no(_: str) -> bool | None:
    """The sentence states the opposite."""
    return False


def said_yes_or_no(raw: str) -> bool | None:
    """是 or 否."""
    value = convert.text(raw)
    if value is None:
        return None
    if value not in _YES_NO:
        raise Unreadable("value.unknown", "not-in-table", known=", ".join(_YES_NO))
    return _YES_NO[value]


def invoice_number(raw: str) -> str | None:
    """The 20 digits of a 数电票, or the 8 of an invoice that has a code besides."""
    number = convert.identifier(raw)
    if number is not None and not re.fullmatch("[0-9]{20}|[0-9]{8}", number):
        raise Unreadable("identifier.invoice-no", "form", expected="8 or 20 digits")
    return number


def invoice_code(raw: str) -> str | None:
    """The code of an invoice that is no 数电票: 10 or 12 digits."""
    number = convert.identifier(raw)
    if number is not None and not re.fullmatch("[0-9]{10}(?:[0-9]{2})?", number):
        raise Unreadable("identifier.invoice-no", "form", expected="10 or 12 digits")
    return number


def taxpayer(raw: str) -> str | None:
    """A taxpayer's number 纳税人识别号 as it stands: what is no credit code, or a wrong one, is stated all the same."""
    number = convert.identifier(raw)
    if number is not None and not re.fullmatch("[0-9A-Z]{15,20}", number):
        raise Unreadable("identifier.credit-code", "form", expected="15 to 20 letters and digits")
    return number


def remarked_policies(raw: str) -> tuple[str, ...] | None:
    """The policy numbers in a remark 备注."""
    found = remarks.policy_numbers(normalize("NFKC", raw))
    return found.value if found else None


def remarked_original(raw: str) -> str | None:
    """The number of the cancelled invoice in a remark 备注."""
    found = remarks.original_number(normalize("NFKC", raw))
    return found.value[0] if found else None


def remark(raw: str) -> Mapping[str, Value] | None:
    """What of a remark is taken: the policies that it names, and the invoice that is cancelled."""
    numbers, original = remarked_policies(raw), remarked_original(raw)
    found: dict[str, Value] = {} if numbers is None else {"policy_nos": numbers}
    return found if original is None else found | {"red_letter_of": original}


_YES_NO = {"是": True, "否": False}
_CLAUSES = convert.several(convert.clause_no)
_DAY = r"[0-9]{4}(?:年[0-9]{1,2}月[0-9]{1,2}[日号]|[-/.][0-9]{1,2}[-/.][0-9]{1,2})"
_PERIOD = re.compile(
    rf"(?:自|从)?(?P<start_day>{_DAY})(?:(?P<start_hour>[0-9]{{1,2}})(?:时|:00))?起?"
    rf"[至到](?P<end_day>{_DAY})(?:(?P<end_hour>[0-9]{{1,2}})(?:时|:00))?止?"
)
_ENGLISH_PERIOD = re.compile(
    rf"(?:[Ff]rom )?(?P<start>{_DAY}) to (?P<end>{_DAY})(?P<both>,? \(?both (?:days|dates) included\)?|"
    r",? \(?both (?:days|dates) inclusive\)?)?"
)
_ENGLISH_LINES: Mapping[str, str] = {
    "product liability": "product_liability",
    "products liability": "product_liability",
    "drug liability": "drug_liability",
    "medical device liability": "device_liability",
    "clinical trial liability": "clinical_trial_liability",
}
_LINES: Mapping[str, str] = {
    "产品责任保险": "product_liability",
    "药品责任保险": "drug_liability",
    "医疗器械责任保险": "device_liability",
    "药物临床试验责任保险": "clinical_trial_liability",
    "临床试验责任保险": "clinical_trial_liability",
    "其他责任保险": "other",
}


def _moment(on: str, hour: str | None) -> dates.Moment:
    found = dates.moment(on if hour is None else f"{on} {int(hour):02d}:00")
    if found is None:
        raise Unreadable("date.unreadable", "form")
    return found
