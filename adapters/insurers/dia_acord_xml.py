"""DIA-ACORD-XML: requests of ACORD P&C XML, a policy, a change of one or its cancellation each.

Expiry is exclusive: the last day is the one before. Times are local standard time at the insured's address, 00:00 or
00:01. Amounts are in yuan and include VAT; names are in Latin script as sent. Specification: DIALECTS section 7.
"""

import re
from datetime import date, timedelta
from typing import NamedTuple
from unicodedata import normalize

from adapters import dates, kinds, rates, settle
from adapters.choices import change_kind, changed
from adapters.convert import stated
from adapters.dates import MIDNIGHT, Moment
from adapters.facts import Cells, Facts, folded_code
from adapters.kinds import code
from adapters.mapping import Choice, Each, Kind, Mapping, Rows, Shape, Source, always
from adapters.problems import Unreadable
from adapters.requests import XmlRequests

COVERAGE = "GeneralLiabilityLineBusiness/LiabilityInfo/CommlCoverage"
PARTY = "GeneralPartyInfo/NameInfo"
ROLE = "InsuredOrPrincipalInfo/InsuredOrPrincipalRoleCd"
POLICYHOLDER = frozenset({"FNI", "Insured"})

LINE = code(
    {
        "PRDCO": "product_liability",
        "PRODS": "product_liability",
        "DRUGL": "drug_liability",
        "MEDDV": "device_liability",
        "CLTRL": "clinical_trial_liability",
    }
)
LIMIT = code({"Aggregate": "limits.aggregate", "PerOcc": "limits.per_occurrence"})
INSURED = code({"AI": "additional", "NI": "insured"})
MONTHS = code({"ANN": 12, "MON": 1})
CHANGE = code(
    {
        "INC": ("endorsement", "increase"),
        "DEC": ("endorsement", "decrease"),
        "AMD": ("endorsement", "amend"),
        "REI": ("endorsement", "reinstate"),
    }
)
CANCELLATION_KIND = code({"FLAT": "from_inception", "PRORATA": "mid_term", "SHORT": "mid_term"})

FIRST_MINUTE = 60
MOST_MONTHS = 1200
_OFFSET = re.compile(r":[0-9.]+(Z|[+-][0-9]{2}:[0-9]{2})")


class Edge(NamedTuple):
    """Start or expiry: the day and time, and whether an offset other than that of Asia/Shanghai stands with it."""

    at: Moment
    elsewhere: bool


def edge(raw: str) -> Edge | None:
    """A day or moment of the contract term."""
    at = dates.moment(raw)
    if at is None:
        return None
    offset = _OFFSET.search(normalize("NFKC", stated(raw) or ""))
    return Edge(at, offset is not None and offset[1] != "+08:00")


EDGE = Kind("day or moment", edge, "number")


def yuan(name: str, *, required: bool = False, field: str | None = None) -> Source:
    """An amount in 元."""
    return Source(name, kinds.money, unit="元", required=required, field=field)


def period(facts: Facts) -> None:
    """The term as inclusive days, if its edges are days and its stated duration is theirs."""
    start, end = facts.values.pop("period.start", None), facts.values.pop("period.end", None)
    units, months = facts.ask("units"), facts.ask("months")
    if units is not None and months is None and "months" not in facts.unread:
        facts.blame("value.unknown", "not-in-table", "period")
    if start is None or end is None:
        return
    if start.elsewhere or end.elsewhere:
        facts.blame("period.ambiguous", "another-offset", "period")
    elif any(one.at.clock not in (None, MIDNIGHT, FIRST_MINUTE) for one in (start, end)):
        facts.blame("period.not-whole-days", "time-of-day", "period")
    elif units is not None and months is not None and months_after(start.at.day, units * months) != end.at.day:
        facts.blame("period.ambiguous", "duration-gives-another-end", "period", months=str(units * months))
    else:
        facts.values["period.start"], facts.values["period.end"] = start.at.day, end.at.day - timedelta(days=1)
        settle.period_not_inverted(facts)


def months_after(start: date, months: int) -> date | None:
    """The same day `months` later; where that month lacks it, the first of the next."""
    if not 0 <= months <= MOST_MONTHS:
        return None
    years, month = divmod(start.month - 1 + months, 12)
    try:
        return date(start.year + years, month + 1, start.day)
    except ValueError:
        return date(start.year + years, month + 2, 1)  # no month of December's length lacks a day


def is_policyholder(cells: Cells) -> bool:
    """Whether this insured or principal is the first named one."""
    raw = cells.raws.get(ROLE)
    try:
        return raw is not None and folded_code(raw) in POLICYHOLDER
    except Unreadable:
        return False


def is_another(cells: Cells) -> bool:
    """Whether it is another one, or says not what."""
    return not is_policyholder(cells)


def has_role(entry: Facts) -> None:
    """Who is neither insured nor principal by a known role has no place in the record."""
    if "role" not in entry.values and "role" not in entry.unread:
        entry.blame("value.unknown", "not-in-table", "role")


def one_policyholder(facts: Facts) -> None:
    """Exactly one is the policyholder; more than one is told where they are read."""
    if not any(is_policyholder(cells) for cells in facts.cells.lists.get("InsuredOrPrincipal", ())):
        facts.blame("field.missing", "missing", "policyholder.name")


def coverage(entry: Facts) -> None:
    """What the one coverage says is the policy's."""
    policy = entry.outer
    assert policy is not None
    for name in ("line", "limits.deductible", "rate_percent"):
        _hand_over(entry, name, policy, name)


def limit(entry: Facts) -> None:
    """A limit of the policy, by what it applies to; each is stated once, and in one way."""
    cover = entry.outer
    policy = cover.outer if cover is not None else None
    assert policy is not None
    target = entry.ask("applies_to")
    stated = [name for name in ("whole", "amount") if entry.ask(name) is not None or name in entry.unread]
    if not stated or "applies_to" in entry.unread:
        return
    if target is None:
        policy.blame("value.unknown", "not-in-table", "limits")
    elif len(stated) > 1:
        policy.blame("field.unaccounted", "unknown", f"{COVERAGE}/Limit/FormatCurrencyAmt/Amt")
    elif policy.says(target):
        policy.blame("field.unaccounted", "unknown", f"{COVERAGE}/Limit")
    else:
        _hand_over(entry, stated[0], policy, target)


def _hand_over(entry: Facts, name: str, policy: Facts, target: str) -> None:
    if (value := entry.ask(name)) is not None:
        policy.values[target] = value
        policy.lineage[target] = entry.lineage[entry.path + name]
    elif name in entry.unread:
        policy.unread.add(target)


def one_coverage(facts: Facts) -> None:
    """The coverage says what the line is; more than one is told where they are read."""
    if not facts.cells.lists.get(COVERAGE):
        facts.blame("field.missing", "missing", "line")


def premium_currency(facts: Facts) -> None:
    """The currency of the premium, else that of the request."""
    if not facts.says("premium.currency") and (currency := facts.ask("request_currency")) is not None:
        facts.put("premium.currency", currency, "", of="request_currency")


def currency_is_known(facts: Facts) -> None:
    """Amounts of changes are in yuan too; their records state no currency."""
    if facts.ask("currency") is None and "currency" not in facts.unread:
        facts.ask("request_currency")


REQUEST_CURRENCY = Source("CurCd", kinds.currency, field="premium.currency")

POLICY = Shape(
    "policy",
    shared=("policy_no",),
    takes={
        "policyholder": Each(
            "InsuredOrPrincipal",
            {
                "name": Source(f"{PARTY}/CommlName/CommercialName", kinds.text, required=True),
                "credit_code": Source(
                    f"{PARTY}/TaxIdentity/TaxId", kinds.credit_code, when=(f"{PARTY}/TaxIdentity/TaxIdTypeCd", "USCC")
                ),
            },
            several="field.missing",
            field="policyholder.name",
            only=is_policyholder,
        ),
        "insured": Each(
            "InsuredOrPrincipal",
            {
                "name": Source(f"{PARTY}/CommlName/CommercialName", kinds.text),
                "credit_code": Source(
                    f"{PARTY}/TaxIdentity/TaxId", kinds.credit_code, when=(f"{PARTY}/TaxIdentity/TaxIdTypeCd", "USCC")
                ),
                "role": Source(ROLE, INSURED),
            },
            rules=(has_role,),
            only=is_another,
            ignores=frozenset(
                {
                    "GeneralPartyInfo/Addr",  # personal data that we have no ground to keep
                    "GeneralPartyInfo/Communications",
                    "ItemIdInfo",
                }
            ),
        ),
        "issued_on": Source("CommlPolicy/IssueDt", kinds.day),
        "period.start": Source("CommlPolicy/ContractTerm/EffectiveDt", EDGE, required=True),
        "period.end": Source("CommlPolicy/ContractTerm/ExpirationDt", EDGE, required=True),
        "premium.gross": yuan("CommlPolicy/CurrentTermAmt/Amt", required=True),
        "premium.tax": yuan("CommlPolicy/com.insurerz_VATAmt/Amt"),
        "premium.currency": Source("CommlPolicy/CurrentTermAmt/CurCd", kinds.currency),
        "coverage": Each(
            COVERAGE,
            {
                "limit": Each(
                    "Limit",
                    {},
                    asks={
                        "whole": yuan("FormatInteger", field="limits"),
                        "amount": yuan("FormatCurrencyAmt/Amt", field="limits"),
                        "applies_to": Source("LimitAppliesToCd", LIMIT, field="limits"),
                    },
                    rules=(limit,),
                ),
            },
            asks={
                "line": Source("CoverageCd", LINE, required=True, field="line"),
                "limits.deductible": yuan("Deductible/FormatInteger", field="limits.deductible"),
                "rate_percent": Source("Rate", kinds.rate, field="rate_percent"),
            },
            rules=(coverage,),
            several="value.unknown",
            field="line",
            ignores=frozenset({"CoverageDesc", "CurrentTermAmt"}),
        ),
        "instalments": Each(
            "CommlPolicy/PaymentOption/InstallmentInfo",
            {
                "no": Source("InstallmentNumber", kinds.integer),
                "due_on": Source("InstallmentDueDt", kinds.day),
                "amount": yuan("InstallmentAmt/Amt"),
            },
            rules=(settle.not_negative("amount"),),
        ),
    },
    asks={
        "units": Source("CommlPolicy/ContractTerm/DurationPeriod/NumUnits", kinds.integer, field="period"),
        "months": Source("CommlPolicy/ContractTerm/DurationPeriod/UnitMeasurementCd", MONTHS, field="period"),
        "request_currency": REQUEST_CURRENCY,
    },
    rules=(
        one_policyholder,
        one_coverage,
        period,
        settle.third_amount("premium"),
        premium_currency,
        settle.cny_by_contract,
        settle.signs("premium", "positive"),
        settle.not_negative("limits.aggregate", "limits.per_occurrence", "limits.deductible"),
        rates.rate,
        settle.instalments_total,
    ),
)

ENDORSEMENT = Shape(
    "endorsement",
    shared=("policy_no", "endorsement_no", "change", "effective_on"),
    takes={
        "issued_on": Source("ModInfo/ChangeIssueDt", kinds.day),
        "premium_change.gross": yuan("NetChangeAmt/Amt"),
    },
    asks={
        "currency": Source("NetChangeAmt/CurCd", kinds.currency, field="premium.currency"),
        "request_currency": REQUEST_CURRENCY,
    },
    rules=(change_kind, currency_is_known, settle.signs_by_kind),
)

CANCELLATION = Shape(
    "cancellation",
    shared=("policy_no", "endorsement_no"),
    takes={
        "kind": Source("CancelTypeCd", CANCELLATION_KIND, required=True),
        "effective_on": Source("CancelEffectiveDt", kinds.day, required=True),
        "return_premium.gross": yuan("ReturnPremiumAmt/Amt"),
        "reason": Source("CancelReasonDesc", kinds.text),
    },
    asks={"request_currency": REQUEST_CURRENCY},
    rules=(currency_is_known, settle.signs("return_premium", "positive")),
)

IGNORED = frozenset(
    {
        "RqUID",
        "TransactionRequestDt",
        "TransactionEffectiveDt",
        "CommlPolicy/LOBCd",
        "CommlPolicy/ControllingStateProvCd",
        "CommlPolicy/MinPremInd",
        "CommlPolicy/PaymentOption/PaymentPlanCd",
        "GeneralLiabilityLineBusiness/LOBCd",
        "Producer",
        "MiscParty",
    }
)
SERVICE = "InsuranceSvcRq"
FAMILY = "request"  # a policy number, with or without the number of a change, stands in one of them


def policies(name: str) -> Rows:
    """Requests that add a policy."""
    return Rows(
        at=f"{SERVICE}/{name}",
        family=FAMILY,
        key=("policy_no", "endorsement_no"),
        bucket=("CommlPolicy/PolicyNumber", "ModInfo/ChangeNumber"),
        reads={"policy_no": Source("CommlPolicy/PolicyNumber", kinds.policy_no, required=True)},
        choices=(Choice(becomes=always("policy"), shapes={"policy": POLICY}),),
        ignores=IGNORED,
    )


MAPPING = Mapping(
    dialect="DIA-ACORD-XML",
    title="ACORD P&C XML, policy, change and cancellation requests",
    media_types=("application/xml", "text/xml"),
    format=XmlRequests(
        root="ACORD",
        namespace="http://www.ACORD.org/standards/PC_Surety/ACORD1/xml/",
        under=SERVICE,
        beside=frozenset({"RqUID"}),
        ignores=frozenset({"SignonRq"}),
        attributes=("id",),
    ),
    rows=(
        policies("CommlPkgPolicyAddRq"),
        policies("GeneralLiabilityPolicyAddRq"),
        Rows(
            at=f"{SERVICE}/CommlPkgPolicyModRq",
            family=FAMILY,
            key=("policy_no", "endorsement_no"),
            bucket=("CommlPolicy/PolicyNumber", "ModInfo/ChangeNumber"),
            reads={
                "policy_no": Source("CommlPolicy/PolicyNumber", kinds.policy_no, required=True),
                "endorsement_no": Source("ModInfo/ChangeNumber", kinds.policy_no, required=True),
                "change": Source("ModInfo/ChangeTypeCd", CHANGE, required=True, field="kind"),
                "effective_on": Source("ModInfo/ChangeEffectiveDt", kinds.day, required=True),
            },
            choices=(Choice(becomes=changed, shapes={"endorsement": ENDORSEMENT}),),
            ignores=IGNORED | {"ModInfo/ChangeDesc"},
        ),
        Rows(
            at=f"{SERVICE}/PolicyCancelRq",
            family=FAMILY,
            key=("policy_no", "endorsement_no"),
            bucket=("PolicyNumber", "ChangeNumber"),
            reads={
                "policy_no": Source("PolicyNumber", kinds.policy_no, required=True),
                "endorsement_no": Source("ChangeNumber", kinds.policy_no, required=True),
            },
            choices=(Choice(becomes=always("cancellation"), shapes={"cancellation": CANCELLATION}),),
            ignores=IGNORED,
        ),
    ),
)
