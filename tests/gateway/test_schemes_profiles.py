"""The other schemes by the same calculation: Shanghai, equipment of 2024, and two that nobody has issued."""

from typing import Any

import pytest
from scheme_messages import COMPANY, MAKER, NO, SELLER, found, message, only, policy, priced, receipt, run, terms

from gateway.schemes import Terms

F, Q = "failed", "indeterminate"
OTHER = "PZEX202633010000000777"
SHANGHAI = {
    "policyholder": {"name": "示例生物（上海）有限公司", "region": "310115"},
    "product.first_sale_date": "2024-06-18",
}


def shanghai(changes: dict[str, Any] | None = None, *, gross: str = "800000.00") -> list[dict[str, Any]]:
    return [
        *priced(gross, **{**SHANGHAI, **(changes or {})})[:1],
        receipt({"amount": gross, "payer": SHANGHAI["policyholder"]}),
    ]


SH = terms("SH-BIO")


def stt(**answers: str) -> Terms:
    """Equipment of 2024, applied for when its cover had ended."""
    return terms("ZJ-STT-2024", in_force_test="inception_reached", **answers)


STT = stt(tier="international")


def test_shanghai_passes_its_own() -> None:
    (line,) = run(shanghai(), SH)
    assert line.policies[0].findings == ()
    assert str(line.subsidy) == "400000.00"
    assert set(line.readings) == {"premium_basis"}


def test_shanghai_has_no_rate_limit_and_a_cap_for_each_policy() -> None:
    dear = shanghai(gross="3000000.00")
    assert str(only(dear, SH).eligible_premium) == "3000000.00"
    assert str(only(dear, SH).subsidy) == "500000.00"
    second = [
        policy({**SHANGHAI, "policy_no": OTHER}),
        receipt({"policy_no": OTHER, "receipt_no": "SK2", "payer": SHANGHAI["policyholder"]}),
    ]
    (line,) = run([*dear, *second], SH)
    assert str(line.subsidy) == "900000.00"
    award = message("award", {"scheme": "SH-BIO", "amount": "300000.00"})
    assert str(run([*dear, *second, award], SH)[0].subsidy) == "600000.00"
    large = message("award", {"scheme": "SH-BIO", "amount": "950000.00"})
    (line,) = run([*dear, *second, large], SH)
    assert (str(line.subsidy), str(line.clawback)) == ("0.00", "50000.00")


def test_shanghai_asks_for_shanghai() -> None:
    assert found([policy({"product.first_sale_date": "2024-06-18"}), receipt()], SH) == {"R-ZJ-01": (F, "elsewhere")}


def test_shanghai_counts_from_the_first_sale() -> None:
    """R-ZJ-05: whatever the day of approval."""
    assert found(shanghai({"product.first_sale_date": None}), SH)["R-ZJ-05"] == (Q, "start-missing")
    assert found(shanghai({"product.first_sale_date": "2020-06-18"}), SH)["R-ZJ-05"] == (F, "too-old")
    old = shanghai({"product.approval_date": "2015-01-01", "product.approval_no": "国药准字H20159001"})
    assert found(old, SH) == {}


def test_shanghai_asks_nothing_of_the_trial_s_approval() -> None:
    trial = {
        "line": "clinical_trial_liability",
        "product.approval_no": None,
        "product.approval_date": None,
        "product.first_sale_date": None,
    }
    assert found(shanghai(trial), SH) == {}
    assert found(shanghai({"line": "other"}), SH) == {"R-ZJ-08": (Q, "other-line")}
    assert found(shanghai({"line": "device_liability"}), SH) == {}


SHANGHAI_CLASSES = [
    ("product_liability", "化学药品3类", None),
    ("product_liability", "化学药品4类", F),
    ("product_liability", "化学药品2.2类+2.4类", None),
    ("product_liability", "化学药品3类+4类", F),
    ("product_liability", "治疗用生物制品2.4类", None),
    ("product_liability", "治疗用生物制品3.1类", F),
    ("product_liability", "预防用生物制品1.4类", None),
    ("product_liability", "预防用生物制品3.3类", F),
    ("product_liability", "中药1.1类", F),
    ("product_liability", "生物制品1类", Q),
    ("product_liability", "体外诊断试剂", Q),
    ("clinical_trial_liability", "化学药品4类", F),
    ("clinical_trial_liability", "中药4类", None),
    ("clinical_trial_liability", "中药5类", F),
    ("clinical_trial_liability", "治疗用生物制品3.4类", None),
    ("clinical_trial_liability", "预防用生物制品3.3类", None),
    ("clinical_trial_liability", "体外诊断试剂", Q),
]


@pytest.mark.parametrize(("line", "printed", "outcome"), SHANGHAI_CLASSES)
def test_shanghai_classes_go_by_their_first_digit(line: str, printed: str, outcome: str | None) -> None:
    changes = {
        "line": line,
        "product.registration_class": printed,
        "product.class_group": None,
        "product.class_codes": [],
    }
    assert found(shanghai(changes), SH).get("R-ZJ-06", (None,))[0] == outcome


def test_shanghai_compares_what_the_sender_read_and_leaves_devices_open() -> None:
    assert found(shanghai({"product.class_codes": ["2.2"]}), SH)["R-ZJ-06"] == (Q, "sender-says-otherwise")
    assert found(shanghai({"product.kind": "device"}), SH)["R-ZJ-06"] == (Q, "device")


def test_shanghai_does_not_ask_what_zhejiang_asks() -> None:
    """R-ZJ-02, 03, 07, 09, 14, 14b, 17, 18, 26 and the class of the clause."""
    changes = {
        "product.holder": MAKER,
        "product.manufacturer": MAKER,
        "clauses": [],
        "rate_base": None,
        "period": {"start": "2024-06-20", "end": "2026-06-19"},
    }
    award = message("award", {"scheme": "CN-X", "level": "national"})
    assert found([*shanghai(changes), award], SH) == {}


def test_shanghai_keeps_the_rules_about_fraud() -> None:
    told = shanghai()
    assert found([told[0], receipt({"payer": MAKER})], SH)["F-07"][0] == Q
    assert found([told[0]], SH)["R-ZJ-13"][0] == F
    undone = message("cancellation", {"kind": "from_inception"})
    assert found([*told, undone], SH)["R-ZJ-12"][0] == F
    small = message("invoice", {"gross": "1.00", "net": "1.00", "tax": "0.00"})
    assert found([*told, small], SH)["F-02"][0] == F


EQUIPMENT = {
    "period": {"start": "2024-03-01", "end": "2025-02-28"},
    "line": "other",
    "clauses": [],
    "product": {"kind": "device", "generic_name": "示例装备", "holder": COMPANY},
    "issued_on": "2024-02-20",
}


def equipment(changes: dict[str, Any] | None = None, *, gross: str = "800000.00") -> list[dict[str, Any]]:
    return priced(gross, **{**EQUIPMENT, **(changes or {})})


def test_equipment_is_paid_by_its_tier_and_its_year() -> None:
    shares = {("international", "1"): "720000.00", ("national", "2"): "560000.00", ("provincial", "3"): "400000.00"}
    for (tier, year), worth in shares.items():
        got = only(equipment(), stt(tier=tier, policy_year=year))
        assert (str(got.eligible_premium), str(got.subsidy), got.findings) == ("800000.00", worth, ())
    late = stt(tier="national", policy_year="4")
    assert found(equipment(), late) == {"R-ZJ-17": (F, "too-many-years")}


def test_equipment_without_its_tier_is_worth_nothing_yet() -> None:
    got = only(equipment(), stt())
    assert [finding.rule for finding in got.findings] == ["R-ZJ-15"]
    assert (got.outcome.value, str(got.eligible_premium), str(got.subsidy)) == (Q, "0.00", "0.00")


def test_equipment_is_insured_for_its_value() -> None:
    whole = stt(tier="national", equipment_value="50000000")
    assert found(equipment(), whole) == {}
    more = stt(tier="national", equipment_value="50000000.01")
    assert found(equipment(), more) == {"R-ZJ-08": (F, "limit-below-value")}
    assert found(equipment({"limits": None}), more)["R-ZJ-08"] == (Q, "limit-missing")


def test_equipment_has_its_own_cap_and_limit_of_the_rate() -> None:
    (line,) = run(equipment({"limits.aggregate": "900000000.00"}, gross="8000000.00"), STT)
    assert "R-ZJ-14b" in [finding.rule for finding in line.policies[0].findings]  # not the stated base
    (line,) = run(priced("8000000.00", limit="900000000.00", **EQUIPMENT), STT)
    assert str(line.policies[0].subsidy) == "7200000.00"
    assert str(line.subsidy) == "5000000.00"
    assert found(equipment(gross="1000000.01"), STT)["R-ZJ-14"] == (Q, "readings-differ")


@pytest.mark.parametrize(
    ("start", "outcome"), [("2023-08-31", F), ("2023-09-01", None), ("2024-08-31", None), ("2024-09-01", F)]
)
def test_equipment_begins_in_the_notice_s_year(start: str, outcome: str | None) -> None:
    """R-ZJ-26: the notice itself names the inception; there is nothing to read in another way."""
    told = equipment({"period": {"start": start, "end": "2025-08-30"}})
    assert found(told, STT).get("R-ZJ-26", (None,))[0] == outcome


def test_equipment_is_blocked_by_national_awards_only() -> None:
    national = message("award", {"scheme": "CN-X", "level": "national"})
    provincial = message("award", {"scheme": "ZJ-NDI", "level": "provincial"})
    unsaid = message("award", {"scheme": "CN-X"})
    assert found([*equipment(), national], STT)["R-ZJ-18"][0] == F
    assert found([*equipment(), unsaid], STT)["R-ZJ-18"][0] == F
    assert found([*equipment(), provincial], STT) == {}


def test_equipment_of_several_years_is_not_split() -> None:
    two = priced("1600000.00", **{**EQUIPMENT, "period": {"start": "2024-03-01", "end": "2026-02-28"}})
    (line,) = run(two, stt(tier="national", multi_year_attribution="pro_rata"))
    assert str(line.policies[0].eligible_premium) == "1600000.00"


def test_equipment_of_ningbo_and_of_elsewhere() -> None:
    ningbo = {"policyholder": {"name": "示例", "region": "330212"}}
    assert found(equipment(ningbo), STT)["R-ZJ-03"][0] == F
    assert found(equipment({"policyholder": SELLER | {"region": "310101"}}), STT)["R-ZJ-01"][0] == F


@pytest.mark.parametrize("scheme", ["NB-NDI", "ZJ-DEV"])
def test_a_scheme_that_nobody_issued_decides_and_pays_nothing(scheme: str) -> None:
    award = message("award", {"scheme": scheme})
    (line,) = run([policy({"line": "clinical_trial_liability"}), award], terms(scheme))
    assert [finding.rule for finding in line.policies[0].findings] == ["scheme.disabled"]
    assert line.policies[0].outcome.value == Q
    assert line.policies[0].policy_no == NO
    assert {str(line.policies[0].eligible_premium), str(line.policies[0].subsidy)} == {"0.00"}
    assert (str(line.subsidy), str(line.clawback)) == ("0.00", "0.00")
