"""What a sealed document says is read back exactly, from each format and layout."""

import ast
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.document import PROFILES, DocumentFields, read_document
from adapters.document_model import catalogue
from adapters.document_profiles import money, percent, period
from adapters.problems import Unreadable
from sandbox.records import Record
from sandbox.world import World

WORLD = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
CODES = [insurer.code for insurer in WORLD.insurers]


def expected_policy(facts: Record) -> dict[str, object]:
    """The fields that a policy's page states, from its record."""
    body = facts.body
    flat: dict[str, object] = {
        path: facts.get(path)
        for path in (
            *("policy_no", "policyholder.name", "policyholder.credit_code", "line", "product.generic_name"),
            *("product.approval_no", "issued_on", "period.start", "period.end", "limits.aggregate", "rate_percent"),
            *("premium.gross", "premium.net", "premium.tax"),
        )
    }
    flat["clauses.registration_no"] = tuple(clause["registration_no"] for clause in body["clauses"])
    return flat


def values(read: DocumentFields) -> Mapping[str, object]:
    return {path: found.value for path, found in read.fields.items()}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("n", range(4))
def test_a_policy_is_read_back(code: str, n: int) -> None:
    insurer = WORLD.insurer(code)
    facts = WORLD.policy(insurer, n)
    read = read_document(insurer.document_profile, WORLD.e_policy(insurer, facts), insurer.media_type)
    assert read.problems == ()
    assert read.kind == "policy"
    assert values(read) == expected_policy(facts)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("in_full", [True, False])
def test_a_statement_is_read_back(code: str, in_full: bool) -> None:
    insurer = WORLD.insurer(code)
    receipt = WORLD.receipt(WORLD.policy(insurer, 5), amount="123456.78", in_full=in_full)
    read = read_document(insurer.document_profile, WORLD.premium_statement(insurer, receipt), insurer.media_type)
    assert read.problems == ()
    assert read.kind in ("statement", "receipt")
    numbered = {} if code == "SANDBOX-B" else {"receipt_no": receipt.body["receipt_no"]}  # a list has no numbers
    assert values(read) == {
        **numbered,
        "policy_no": receipt.policy_no,
        "payer.name": receipt.get("payer.name"),
        "payer.credit_code": receipt.get("payer.credit_code"),
        "amount": "123456.78",
        "received_on": receipt.body["received_on"],
        "paid_in_full": in_full,
    }


NAMES = st.text(
    st.one_of(
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
        st.sampled_from("𠮷㐂𡛷䶮（）()·&-ABCxyz0189"),
    ),
    min_size=2,
    max_size=60,
).filter(lambda name: name not in ("--", "——") and name == name.strip())
DAYS = st.dates(date(1991, 1, 1), date(2039, 12, 31))


@given(
    code=st.sampled_from(CODES),
    name=NAMES,
    product=NAMES,
    issued_on=DAYS,
    days=st.integers(0, 400),
    years=st.integers(1, 9),
    wan=st.integers(1, 9_999_999),
    rate=st.integers(1, 9999).map(lambda number: str((Decimal(number) / 100).normalize())),
)
@settings(max_examples=120, deadline=None)
def test_any_policy_is_read_back(
    code: str, name: str, product: str, issued_on: date, days: int, years: int, wan: int, rate: str
) -> None:
    insurer = WORLD.insurer(code)
    facts = WORLD.policy(
        insurer,
        1,
        policyholder={"name": name, "credit_code": "91330108MA2XX9T186"},
        issued_on=issued_on,
        start=issued_on + timedelta(days=days),
        years=years,
        aggregate=f"{wan * 10_000}",
        rate=format(Decimal(rate), "f"),
        **{"product.generic_name": product},
    )
    read = read_document(insurer.document_profile, WORLD.e_policy(insurer, facts), insurer.media_type)
    assert read.problems == ()
    assert values(read) == expected_policy(facts)


def test_each_value_names_its_place() -> None:
    first, second = WORLD.insurer("SANDBOX-A"), WORLD.insurer("SANDBOX-B")
    read = read_document("DOC-OFD-XML", WORLD.e_policy(first, WORLD.policy(first, 1)), first.media_type)
    assert read.fields["premium.gross"].source == "Doc_0/Attachs/policy.xml#/EPolicy/Premium/Gross"
    read = read_document("DOC-PDF-FIRST", WORLD.e_policy(second, WORLD.policy(second, 1)), second.media_type)
    assert read.fields["premium.gross"].source == "page 1 line 15"
    assert read.fields["premium.gross"].raw.startswith("人民币")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("自2026年3月1日0时起至2027年2月28日24时止", "2026-03-01", "2027-02-28"),
        ("自2026年3月1日零时起 至2027年2月28日二十四时止", "2026-03-01", "2027-02-28"),
        ("２０２６年３月１日至２０２７年２月２８日", "2026-03-01", "2027-02-28"),
        ("2026-03-01 00:00 至 2027-02-28 24:00", "2026-03-01", "2027-02-28"),
        ("自2026年2月28日24时起至2027年2月28日24时止", "2026-03-01", "2027-02-28"),
        ("自2026年3月1日0时起至2027年3月1日0时止", "2026-03-01", "2027-02-28"),
    ],
)
def test_periods(text: str, start: str, end: str) -> None:
    assert period(text) == {"start": start, "end": end}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("自2026年3月1日12时起至2027年2月28日24时止", "period.not-whole-days"),
        ("自2027年3月1日0时起至2026年2月28日24时止", "period.inverted"),
        ("一年", "date.unreadable"),
        ("自2026年2月30日0时起至2027年2月28日24时止", "date.unreadable"),
        ("自2026年3月1日0时起至2027年5月1日0时止", "period.ambiguous"),
    ],
)
def test_periods_that_are_none(text: str, rule: str) -> None:
    with pytest.raises(Unreadable) as caught:
        period(text)
    assert caught.value.rule == rule


def test_amounts_need_a_unit_or_two_places() -> None:
    assert money("人民币８００，０００．００元") == "800000.00"
    assert money("80万元") == "800000.00"
    assert money("800,000.00") == "800000.00"
    with pytest.raises(Unreadable):
        money("800000")
    with pytest.raises(Unreadable):
        money("800000.001元")
    assert percent("1.60%") == "1.6"
    assert percent("16‰") == "1.6"
    with pytest.raises(Unreadable):
        percent("1.6")


def test_every_profile_reads_only_what_the_schema_has() -> None:
    known = {path.partition(".")[0] for path in expected_policy(WORLD.policy(WORLD.insurers[0], 1))}
    known |= {"receipt_no", "payer", "amount", "received_on", "paid_in_full", "period"}
    for profile in PROFILES.values():
        fields = [field for labels in profile.labels.values() for field in labels.values()]
        fields += [field for tree in profile.attachments for field in tree.takes.values()]
        assert {field.path.partition(".")[0] for field in fields} <= known


def test_every_rule_and_reason_is_in_the_catalogue() -> None:
    rules, used = catalogue(), set()
    folder = Path(__file__).parents[2] / "adapters"
    for path in folder.glob("document*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id == "Unusable":
                    reason = node.args[0]
                    reasons = [reason.body, reason.orelse] if isinstance(reason, ast.IfExp) else [reason]
                    used |= {("document.unreadable", ast.literal_eval(one)) for one in reasons}
                elif node.func.id == "DocumentProblem" and all(isinstance(a, ast.Constant) for a in node.args[:2]):
                    used.add(tuple(ast.literal_eval(argument) for argument in node.args[:2]))
    used |= {("document.kind", "no-title"), ("document.kind", "several-titles")}
    used |= {("document.attachment", reason) for reason in ("unaccounted", "repeated")}
    used |= {(f"document.{name}", "different-values") for name in ("label-conflict", "sources-disagree")}
    assert used == {(rule.id, reason) for rule in rules.values() for reason in rule.reasons}
