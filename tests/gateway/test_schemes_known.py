"""What counts on a day, what is counted once, and which policy a record belongs to."""

from typing import Any

import pytest
from scheme_messages import AT, FOLLOWER, NO, found, message, only, policy, priced, receipt, run

from gateway.schemes import Malformed, read_message

F, Q = "failed", "indeterminate"
OTHER = "PZEX202633010000000777"

LATER: list[tuple[str, dict[str, Any], str]] = [
    ("premium_receipt", {"received_on": "2026-06-01", "receipt_no": "SK9"}, "R-ZJ-13"),
    ("premium_refund", {"paid_on": "2026-06-01"}, "R-ZJ-13"),
    ("endorsement", {"issued_on": "2026-05-01", "effective_on": "2026-06-01", "premium_change": {"gross": "1.00"}}, ""),
    ("endorsement", {"issued_on": "2026-06-01", "effective_on": "2026-05-01", "premium_change": {"gross": "1.00"}}, ""),
    ("cancellation", {"effective_on": "2026-06-01"}, ""),
    ("invoice", {"issued_on": "2026-06-01", "gross": "1.00", "net": "1.00", "tax": "0.00"}, "F-02"),
    ("award", {"awarded_on": "2026-06-01", "scheme": "CN-X"}, "R-ZJ-18"),
]


@pytest.mark.parametrize(("kind", "changes", "_rule"), LATER)
def test_a_record_counts_from_its_own_day(kind: str, changes: dict[str, Any], _rule: str) -> None:
    later = message(kind, changes, sent_at="2026-01-01T00:00:00+08:00")
    assert found([policy(), receipt(), later]) == {}
    known = run([policy(), receipt(), later], at=AT.replace(month=6, day=1))
    assert known[0].policies[0].findings != ()


def test_a_cancellation_from_inception_counts_from_the_day_on_which_it_was_sent() -> None:
    for sent_at, failing in (("2026-05-31T15:59:59Z", True), ("2026-05-31T16:00:00Z", False)):
        undone = message("cancellation", {"kind": "from_inception", "effective_on": "2026-03-01"}, sent_at=sent_at)
        assert ("R-ZJ-12" in found([policy(), receipt(), undone])) is failing
        first = {**undone, "message_id": "again", "sent_at": "2026-05-01T00:00:00+08:00"}
        assert "R-ZJ-12" in found([policy(), receipt(), undone, first])  # told again, and first in May


def test_a_cancellation_told_again_is_known_from_the_first_time() -> None:
    """So that a reinstatement between the two still undoes it."""
    undone = message("cancellation", {"kind": "from_inception"}, sent_at="2026-05-20T00:00:00+08:00")
    first = {**undone, "message_id": "again", "sent_at": "2026-04-20T00:00:00+08:00"}
    back = message("endorsement", {"kind": "reinstate", "issued_on": "2026-05-01", "effective_on": "2026-05-01"})
    assert "R-ZJ-12" in found([policy(), receipt(), undone, back])
    assert found([policy(), receipt(), undone, back, first]) == {}
    assert found([policy(), receipt(), first, back, undone]) == {}


def test_a_policy_that_is_not_yet_signed_is_not_there() -> None:
    assert run([policy({"issued_on": "2026-06-01"}), receipt()]) == ()


def test_a_record_counts_once_under_whatever_message_id() -> None:
    (paid,) = [receipt()]
    again = {**paid, "message_id": "another", "sent_at": "2026-05-01T00:00:00Z"}
    spelt = {**again, "record": {**paid["record"], "documents": None, "bank_reference": None}}
    assert found([policy(), policy(), paid, again, spelt]) == {}
    grant = message("award", {"amount": "100000.00"}, message_id="A-1")
    two = [grant, {**grant, "message_id": "A-2"}]
    assert str(run([policy(), paid, grant, grant])[0].subsidy) == "300000.00"
    assert str(run([policy(), paid, *two])[0].subsidy) == "200000.00"


def test_numbers_are_the_insurer_s_own() -> None:
    messages = [*priced("600000.00", limit="30000000.00"), *priced("100000.00", number=OTHER, insurer=FOLLOWER)]
    messages[3]["record"]["receipt_no"] = messages[1]["record"]["receipt_no"]
    assert all(one.outcome.value == "passed" for line in run(messages) for one in line.policies)


def test_old_invoices_are_known_by_code_and_number() -> None:
    old = {"invoice_no": "00000103", "gross": "400000.00", "net": "377358.49", "tax": "22641.51"}
    halves = [message("invoice", {**old, "invoice_code": code}) for code in ("033001900104", "033001900105")]
    assert found([policy(), receipt(), *halves]) == {}


def test_a_movement_without_its_policy_is_passed_over() -> None:
    stray = [
        receipt({"policy_no": OTHER, "receipt_no": "SK9"}),
        message("premium_refund", insurer=FOLLOWER),
        message("cancellation", {"policy_no": OTHER}),
        message("award", {"policy_nos": [OTHER], "product_key": "别的|药"}),
    ]
    assert found([policy(), receipt(), *stray]) == {}
    assert run(stray) == ()


def test_other_types_play_no_part() -> None:
    close = {"date": "2026-05-01", "totals": []}
    other = {**policy(), "type": "day_close", "record": close}
    assert read_message(other) is None


def test_application_is_the_first_award_of_this_scheme() -> None:
    """Its day decides whether the policy had begun, and its year which cap it was charged to."""
    begins = {"period": {"start": "2026-05-20", "end": "2027-05-19"}}
    early = message("award", {"awarded_on": "2026-05-10", "amount": "1.00"})
    later = message("award", {"awarded_on": "2026-05-25"})
    assert "R-ZJ-12" not in found([policy(begins), receipt(), later])
    messages = [policy(begins), receipt(), early, later]
    assert found(messages)["R-ZJ-12"] == (F, "not-begun")
    foreign = message("award", {"scheme": "SH-BIO", "level": "city", "awarded_on": "2026-05-10"})
    assert "R-ZJ-12" not in found([policy(begins), receipt(), foreign])
    charged = message("award", {"year": 2027})
    (line,) = run([policy(), receipt(), charged], cap_year="application")
    assert (line.year, str(line.subsidy)) == (2027, "0.00")


def test_an_award_counts_for_one_line() -> None:
    """For its year; by policy before product; and for the line of the first policy that is in one."""
    second = priced("600000.00", number=OTHER, **{"product.generic_name": "示例沙班片"})
    award = message("award", {"policy_nos": ["PZEX000000000", OTHER, NO], "amount": "100000.00"})
    answers = {"product_key": "generic_name+MAH", "cap_year": "application"}
    got = {line.product_key[:5]: str(line.subsidy) for line in run([policy(), receipt(), *second, award], **answers)}
    assert got == {"示例替尼片": "400000.00", "示例沙班片": "200000.00"}
    other_year = message("award", {"year": 2025, "amount": "100000.00", "policy_nos": [OTHER]})
    got = {line.product_key[:5]: str(line.subsidy) for line in run([policy(), receipt(), other_year], **answers)}
    assert got == {"示例替尼片": "400000.00"}


def test_what_co_insurers_tell_alike_counts_once() -> None:
    shares = [
        {"insurer": "EXAMPLE-PC", "share_percent": "60", "lead": True},
        {"insurer": FOLLOWER, "share_percent": "40", "lead": False},
    ]
    less = {"kind": "decrease", "premium_change": {"gross": "-100000.00", "net": "-94339.62", "tax": "-5660.38"}}
    messages = [
        policy({"coinsurance": shares}),
        policy({"coinsurance": shares}, insurer=FOLLOWER),
        receipt({"amount": "480000.00"}),
        receipt({"amount": "320000.00"}, insurer=FOLLOWER),
        message("endorsement", less),
        message("endorsement", less, insurer=FOLLOWER),
        message("premium_refund", {"amount": "60000.00"}),
        message("premium_refund", {"amount": "40000.00"}, insurer=FOLLOWER),
    ]
    assert found(messages) == {}
    assert str(only(messages).eligible_premium) == "700000.00"


def test_changes_of_the_limit_are_followed_in_their_order() -> None:
    def change(number: str, day: str, after: str | None, issued: str = "2026-04-01") -> dict[str, Any]:
        changes = [{"field": "limits.aggregate", "before": "50000000.00", "after": after}]
        return message(
            "endorsement",
            {"endorsement_no": number, "issued_on": issued, "effective_on": day, "changes": changes},
        )

    up, down = change("EZEX1", "2026-04-02", "60000000.00"), change("EZEX2", "2026-04-03", "30000000.00")
    messages = [*priced("800000.00"), down, up]
    assert found(messages, rate_base="aggregate_limit") == {"R-ZJ-14": (Q, "readings-differ")}
    assert str(only(messages).eligible_premium) == "600000.00"  # 2 % of 30 million, the last
    late = change("EZEX1", "2026-04-02", "60000000.00", issued="2026-04-20")
    assert str(only([*priced("800000.00"), down, late]).eligible_premium) == "600000.00"
    tomorrow = change("EZEX2", "2026-06-01", "30000000.00")
    assert str(only([*priced("800000.00"), tomorrow]).eligible_premium) == "800000.00"
    unreadable = change("EZEX2", "2026-04-03", "3000万元")
    got = only([*priced("800000.00"), unreadable])
    assert str(got.eligible_premium) == "0.00"
    assert ("R-ZJ-14b", Q, "base-missing") in got.findings


MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"schema": "premium-exchange/2.0"}, "schema"),
    ({"type": "gift"}, "type"),
    ({"sent_at": "2026-02-21T09:30:00"}, "sent_at"),
    ({"sent_at": "yesterday"}, "sent_at"),
    ({"insurer": None}, "insurer"),
    ({"message_id": 7}, "message_id"),
    ({"record": []}, "record"),
    ({"extra": 1}, "extra"),
    ({"record": {**policy()["record"], "premum": {}}}, "premum"),
    ({"record": {**policy()["record"], "premium": {"gros": "1.00"}}}, "gros"),
    ({"record": {**policy()["record"], "premium": {"currency": "CNY"}}}, "premium.gross"),
    ({"record": {**policy()["record"], "premium": {"gross": 800000}}}, "gross"),
    ({"record": {**policy()["record"], "premium": {"gross": "800000"}}}, "gross"),
    ({"record": {**policy()["record"], "premium": {"gross": "-1.00"}}}, "gross"),
    ({"record": {**policy()["record"], "period": {"start": "2026-03-01"}}}, "end"),
    ({"record": {**policy()["record"], "period": {"start": "20260301", "end": "2027-02-28"}}}, "start"),
    ({"record": {**policy()["record"], "period": {"start": "2026-02-30", "end": "2027-02-28"}}}, "start"),
    ({"record": {**policy()["record"], "rate_percent": "1,6"}}, "rate_percent"),
    ({"record": {**policy()["record"], "policyholder": None}}, "policyholder"),
    ({"record": {**policy()["record"], "clauses": {}}}, "clauses"),
    ({"record": {**policy()["record"], "instalments": ["1"]}}, "instalments"),
]


@pytest.mark.parametrize(("changes", "field"), MALFORMED)
def test_what_is_no_message_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Malformed, match=field):
        read_message({**policy(), **changes})


@pytest.mark.parametrize("value", [None, 1, "policy", [], {}])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(Malformed):
        read_message(value)


def test_what_contradicts_itself_is_read_all_the_same() -> None:
    """A verdict with a rule, never a refusal to read."""
    told = {
        "period": {"start": "2027-03-01", "end": "2026-03-01"},
        "product.class_codes": ["13", "x"],
        "product.approval_no": "批准文号",
        "policyholder.credit_code": "9133",
        "clauses": [{"registration_no": "C1", "kind": "main"}],
        "coinsurance": [{"insurer": "A", "share_percent": "90", "lead": False}],
        "period.end": "9999-12-31",
    }
    outcome = only([policy(told), receipt()])
    assert outcome.outcome.value == F
    backwards = only([policy({"period": {"start": "2026-03-01", "end": "2025-03-01"}}), receipt()])
    assert str(backwards.eligible_premium) == "0.00"
    assert backwards.outcome.value != "passed"
