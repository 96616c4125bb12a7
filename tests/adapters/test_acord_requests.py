"""ACORD requests (DIALECTS 7): exclusive expiry, offsets, durations, roles, coverages, and changes of a policy."""

from typing import Any

import pytest
from translated import everything, records, told
from trees_made import ACORD, ADD, acord, add, found, listed, only, problems, refused
from trees_made import CODE as CREDIT_CODE

from adapters import Lineage

CODE = "DIA-ACORD-XML"
TERM = "CommlPolicy/ContractTerm"
COVER = "GeneralLiabilityLineBusiness/LiabilityInfo/CommlCoverage"
AMOUNT = "CommlPolicy/CurrentTermAmt"


def party(role: str | None, name: str | None = "Other Co.", **tax: str) -> dict[str, Any]:
    info = {"CommlName": {"CommercialName": name}, "TaxIdentity": tax}
    roles = {"InsuredOrPrincipalRoleCd": role}
    return {"GeneralPartyInfo": {"NameInfo": info, "Addr": {"City": "x"}}, "InsuredOrPrincipalInfo": roles}


HOLDER = ADD["InsuredOrPrincipal"][0]


@pytest.mark.parametrize(
    ("changes", "told_"),
    [
        ({}, ""),
        ({"CommlPolicy/PolicyNumber": None}, "field.missing policy_no"),
        ({f"{TERM}/EffectiveDt": "2026-03-01T00:01:00+08:00", f"{TERM}/ExpirationDt": "2027-03-01T00:00:00"}, ""),
        ({f"{TERM}/EffectiveDt": "2026-03-01T12:00:00"}, "period.not-whole-days period"),
        ({f"{TERM}/ExpirationDt": "2027-03-01T24:00:00"}, "period.not-whole-days period"),
        ({f"{TERM}/EffectiveDt": "2026-03-01T00:01:00Z"}, "period.ambiguous period"),
        ({f"{TERM}/ExpirationDt": "2027-03-01T00:01:00+09:00"}, "period.ambiguous period"),
        ({f"{TERM}/ExpirationDt": "2026-03-01"}, "period.inverted period"),
        ({f"{TERM}/ExpirationDt": None}, "field.missing period.end"),
        ({f"{TERM}/EffectiveDt": "1/3/2026"}, "date.unreadable period.start"),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "1", "UnitMeasurementCd": "ANN"}}, ""),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "12", "UnitMeasurementCd": "MON"}}, ""),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "11", "UnitMeasurementCd": "MON"}}, "period.ambiguous period"),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "9" * 30, "UnitMeasurementCd": "ANN"}}, "period.ambiguous period"),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "-1", "UnitMeasurementCd": "ANN"}}, "period.ambiguous period"),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "365", "UnitMeasurementCd": "DAY"}}, "value.unknown period"),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "1"}}, "value.unknown period"),
        ({f"{TERM}/DurationPeriod": {"NumUnits": "1.5", "UnitMeasurementCd": "ANN"}}, "number.unreadable period"),
        ({f"{AMOUNT}/CurCd": "USD"}, "currency.unsupported premium.currency"),
        ({f"{AMOUNT}/CurCd": "cny", "CurCd": "USD"}, ""),
        ({"CurCd": "USD"}, "currency.unsupported premium.currency"),
        ({f"{AMOUNT}/Amt": None}, "field.missing premium.gross, unit.ambiguous rate_percent"),
        ({f"{AMOUNT}/Amt": "-1"}, "sign.contradiction premium.gross, unit.ambiguous rate_percent"),
        ({"CommlPolicy/com.insurerz_VATAmt": {"Amt": "45283.02"}}, ""),
        (
            {"CommlPolicy/com.insurerz_VATAmt": {"Amt": "x", "CurCd": "CNY"}},
            "number.unreadable premium.tax, field.unaccounted CommlPolicy/com.insurerz_VATAmt/CurCd",
        ),
        ({"InsuredOrPrincipal": []}, "field.missing policyholder.name"),
        ({"InsuredOrPrincipal": [HOLDER, HOLDER]}, "field.missing policyholder.name"),
        ({"InsuredOrPrincipal": [party("Insured", None)]}, "field.missing policyholder.name"),
        ({"InsuredOrPrincipal": [HOLDER, party("XX")]}, "value.unknown insured.role"),
        ({"InsuredOrPrincipal": [HOLDER, party(None)]}, "value.unknown insured.role"),
        ({"InsuredOrPrincipal": [HOLDER, party("AI\u200b")]}, "text.control-char insured.role"),
        (
            {"InsuredOrPrincipal": [party("FNI", TaxIdTypeCd="USCC", TaxId="x")]},
            "identifier.credit-code policyholder.credit_code",
        ),
        ({"InsuredOrPrincipal": [party("FNI", TaxIdTypeCd="FEIN", TaxId="x")]}, ""),
        (
            {"InsuredOrPrincipal": [HOLDER, party("NI", TaxIdTypeCd="USCC", TaxId="x")]},
            "identifier.credit-code insured.credit_code",
        ),
        ({COVER: []}, "field.missing line"),
        ({COVER: [{"CoverageCd": "PRDCO"}, {"CoverageCd": "PRDCO"}]}, "value.unknown line"),
        ({f"{COVER}/0/CoverageCd": "XXXXX"}, "value.unknown line"),
        ({f"{COVER}/0/CoverageCd": None}, "field.missing line"),
        ({f"{COVER}/0/Rate": "3"}, "unit.ambiguous rate_percent"),
        ({f"{COVER}/0/Rate": "x"}, "number.unreadable rate_percent"),
        ({f"{COVER}/0/Limit/0/LimitAppliesToCd": "Other"}, "value.unknown limits, unit.ambiguous rate_percent"),
        ({f"{COVER}/0/Limit/0/LimitAppliesToCd": None}, "value.unknown limits, unit.ambiguous rate_percent"),
        ({f"{COVER}/0/Limit/0/FormatInteger": "x"}, "number.unreadable limits"),
        (
            {f"{COVER}/0/Limit/0/FormatCurrencyAmt": {"Amt": "1"}},
            f"field.unaccounted {COVER}/Limit/FormatCurrencyAmt/Amt, unit.ambiguous rate_percent",
        ),
        (
            {f"{COVER}/0/Limit": [{"FormatInteger": "40000000", "LimitAppliesToCd": "Aggregate"}] * 2},
            f"field.unaccounted {COVER}/Limit",
        ),
        ({f"{COVER}/0/Deductible": {"FormatInteger": "-5"}}, "sign.contradiction limits.deductible"),
        ({"CommlPolicy/Broker": "x"}, "field.unaccounted CommlPolicy/Broker"),
        ({"Producer": {"ItemIdInfo": "x"}, "CommlPolicy/LOBCd": "CGL", "@id": "x"}, ""),
        (
            {
                "CommlPolicy/PaymentOption": {
                    "InstallmentInfo": [{"InstallmentAmt": {"Amt": "1"}}],
                    "PaymentPlanCd": "x",
                }
            },
            "instalments.total-mismatch instalments.amount",
        ),
    ],
)
def test_every_problem_of_a_policy_is_told(changes: dict[str, Any], told_: str) -> None:
    assert problems(CODE, add(changes)) == listed(told_)


@pytest.mark.parametrize(
    ("start", "units", "unit", "expiry", "holds"),
    [
        ("2024-02-29", "1", "ANN", "2025-03-01", True),
        ("2024-02-29", "4", "ANN", "2028-02-29", True),
        ("2024-02-29", "1", "ANN", "2025-02-28", False),
        ("2026-01-31", "1", "MON", "2026-03-01", True),
        ("2026-08-31", "3", "MON", "2026-12-01", True),
        ("2026-12-31", "2", "MON", "2027-03-01", True),
    ],
)
def test_a_duration_counts_months(start: str, units: str, unit: str, expiry: str, holds: bool) -> None:
    term = {
        "EffectiveDt": start,
        "ExpirationDt": expiry,
        "DurationPeriod": {"NumUnits": units, "UnitMeasurementCd": unit},
    }
    told_ = problems(CODE, add({TERM: term, f"{COVER}/0/Rate": None}))
    assert told_ == (set() if holds else {"period.ambiguous period"})


def test_a_policy_is_read_whole() -> None:
    limits = [
        {"FormatCurrencyAmt": {"Amt": "40000000"}, "LimitAppliesToCd": "Aggregate"},
        {"FormatInteger": "10000000", "LimitAppliesToCd": "PerOcc"},
        {"LimitAppliesToCd": "Other"},
    ]
    changes = {
        "InsuredOrPrincipal": [party("AI", "B"), HOLDER, party("NI", "C", TaxIdTypeCd="USCC", TaxId=CREDIT_CODE)],
        "CommlPolicy/IssueDt": "2026-02-20",
        "CommlPolicy/com.insurerz_VATAmt": {"Amt": "45283.02"},
        f"{COVER}/0/Limit": limits[:2],
        f"{COVER}/0/Deductible": {"FormatInteger": "1000"},
    }
    assert only(CODE, add(changes)) == {
        "policy_no": "CNZJ26-LSC-000417",
        "policyholder": {"name": "Demo Pharma", "credit_code": CREDIT_CODE},
        "insured": [{"name": "B", "role": "additional"}, {"name": "C", "credit_code": CREDIT_CODE, "role": "insured"}],
        "line": "product_liability",
        "issued_on": "2026-02-20",
        "period": {"start": "2026-03-01", "end": "2027-02-28"},
        "limits": {"aggregate": "40000000.00", "per_occurrence": "10000000.00", "deductible": "1000.00"},
        "rate_percent": "2",
        "rate_base": {"kind": "aggregate_limit", "amount": "40000000.00"},
        "premium": {"gross": "800000.00", "net": "754716.98", "tax": "45283.02", "currency": "CNY"},
    }
    assert problems(CODE, add({**changes, f"{COVER}/0/Limit": limits})) == {"value.unknown limits"}


@pytest.mark.parametrize(
    ("name", "changes", "told_"),
    [
        ("CommlPkgPolicyModRq", {}, ""),
        ("CommlPkgPolicyModRq", {"ModInfo/ChangeTypeCd": "DEC"}, "sign.contradiction premium_change.gross"),
        ("CommlPkgPolicyModRq", {"ModInfo/ChangeTypeCd": "XXX"}, "value.unknown kind"),
        (
            "CommlPkgPolicyModRq",
            {"ModInfo/ChangeTypeCd": None, "ModInfo/ChangeEffectiveDt": None},
            "field.missing kind, field.missing effective_on",
        ),
        ("CommlPkgPolicyModRq", {"NetChangeAmt/CurCd": "USD"}, "currency.unsupported premium.currency"),
        ("CommlPkgPolicyModRq", {"CurCd": "USD"}, "currency.unsupported premium.currency"),
        ("CommlPkgPolicyModRq", {"CurCd": "USD", "NetChangeAmt/CurCd": "CNY"}, ""),
        ("CommlPkgPolicyModRq", {"ModInfo/ChangeDesc": "x", "ModInfo/ChangeIssueDt": "x"}, "date.unreadable issued_on"),
        (
            "CommlPkgPolicyModRq",
            {"CommlPolicy/CurrentTermAmt": {"Amt": "1"}},
            "field.unaccounted CommlPolicy/CurrentTermAmt",
        ),
        ("PolicyCancelRq", {}, ""),
        ("PolicyCancelRq", {"ReturnPremiumAmt/Amt": "-1"}, "sign.contradiction return_premium.gross"),
        ("PolicyCancelRq", {"CancelTypeCd": "X"}, "value.unknown kind"),
        ("PolicyCancelRq", {"CurCd": "USD"}, "currency.unsupported premium.currency"),
        (
            "PolicyCancelRq",
            {"PolicyNumber": None, "ChangeNumber": "-"},
            "field.missing policy_no, field.missing endorsement_no",
        ),
    ],
)
def test_every_problem_of_a_change_is_told(name: str, changes: dict[str, Any], told_: str) -> None:
    assert problems(CODE, acord((name, changes))) == listed(told_)


def test_requests_of_other_kinds_are_rows_of_unknown_type() -> None:
    data = add().replace(b"<InsuranceSvcRq>", b"<InsuranceSvcRq><ClaimRq><X/></ClaimRq><z:ClaimRq xmlns:z='urn:z'/>")
    rows = everything(CODE, data)
    assert told(rows) == {(1, "value.unknown", "type"), (2, "value.unknown", "type")}
    assert [one["row"] for one in records(rows)] == [3]
    assert rows[0].problems[0].raw == "ClaimRq"


def test_a_number_stands_once_whatever_the_request() -> None:
    both = acord(("CommlPkgPolicyAddRq", {}), ("GeneralLiabilityPolicyAddRq", {}), ("CommlPkgPolicyModRq", {}))
    assert told(everything(CODE, both)) == {(2, "row.duplicate", "policy_no")}
    same = acord(("CommlPkgPolicyModRq", {}), ("PolicyCancelRq", {"ChangeNumber": "END-0000001"}))
    assert told(everything(CODE, same)) == {
        (1, "row.conflict", "endorsement_no"),
        (2, "row.conflict", "endorsement_no"),
    }


def test_any_prefix_or_none_is_the_namespace() -> None:
    plain = add().decode().replace(f' xmlns="{ACORD}"', "")
    prefixed = (
        plain.replace("</", "<//")
        .replace("<", "<a:")
        .replace("<a://", "</a:")
        .replace("<a:ACORD", f'<a:ACORD xmlns:a="{ACORD}"')
    )
    assert only(CODE, plain.encode()) == only(CODE, prefixed.encode()) == only(CODE, add())
    mixed = prefixed.replace("<a:CommlPolicy>", "<a:CommlPolicy><IssueDt>2026-01-01</IssueDt>")
    assert problems(CODE, mixed.encode()) == {"field.unaccounted CommlPolicy/IssueDt"}
    (row,) = everything(CODE, prefixed.encode())
    lineage = row.records[0].lineage
    at = "/ACORD/InsuranceSvcRq/CommlPkgPolicyAddRq[1]"
    assert lineage["limits.aggregate"] == Lineage(f"{at}/{COVER}[1]/Limit[1]/FormatInteger", "40000000", f"{CODE}/1.0")
    assert lineage["policyholder.name"].source.startswith(f"{at}/InsuredOrPrincipal[1]/")
    assert found([row]) == set()
    assert not any(name.startswith(("coverage", "units", "months", "request")) for name in lineage)


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        ((ACORD, "urn:x"), "dialect.unrecognised", None),
        (("ACORD xmlns", "ACCORD xmlns"), "xml.malformed", None),
        (("InsuranceSvcRq", "OtherSvcRq"), "dialect.unrecognised", None),
        (("<SignonRq/>", "<SignonRq><Pswd>x</Pswd></SignonRq><StatusRq/>"), "field.unaccounted", "StatusRq"),
        (("<InsuranceSvcRq>", "<InsuranceSvcRq a='1'>"), "field.unaccounted", "InsuranceSvcRq/@a"),
        (("<InsuranceSvcRq>", "<InsuranceSvcRq>x"), "field.unaccounted", "InsuranceSvcRq"),
        (("<SignonRq/>", "<!DOCTYPE x>"), "xml.malformed", None),
        (("<SignonRq/>", "<SignonRq>" + "<a>" * 70 + "</a>" * 70 + "</SignonRq>"), "xml.too-deep", None),
    ],
)
def test_what_is_wrong_outside_of_requests_refuses_the_file(
    change: tuple[str, str], rule: str, field: str | None
) -> None:
    assert refused(CODE, add().decode().replace(*change).encode()) == (rule, field)
