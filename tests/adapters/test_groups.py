"""ACORD AL3 (DIALECTS 8): groups, lengths, accounting for columns, transactions, amounts, what is where."""

import pytest
from sheets_made import NAME, PREMIUM, al3, group, transaction
from translated import everything, records, told

from adapters import Lineage

CODE = "DIA-ACORD-AL3"
CHANGE = {168: "END", 171: "END000000001", 192: "D"}


def problems(data: bytes) -> set[tuple[int, str, str | None]]:
    return told(everything(CODE, data))


def refused(data: bytes) -> tuple[str, str | None]:
    """Rule and field of the refusal of a whole file."""
    (row,) = everything(CODE, data)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect) == (0, (), "F")
    return problem.rule, problem.field


def test_the_usual_policy_and_the_bytes_of_each_value() -> None:
    data = al3(transaction(), transaction({}, {31: "CNZJ26LSC000418"}, {79: "030000"}))
    first, second = everything(CODE, data)
    assert first.problems == second.problems == ()
    assert second.records[0].record["rate_percent"] == "3"
    for row in (first, second):
        for name, raw in (("policy_no", b"CNZJ26LSC00041"), ("premium.gross", b"00120000000+"), ("line", b"PROD ")):
            found = row.records[0].lineage[name]
            place, _, columns = found.source.partition(", ")
            start, _, end = place.removeprefix("bytes ").partition("-")
            at = data[int(start) : int(end) + 1]
            assert at.decode() == found.raw
            assert at.startswith(raw)
            assert columns[0] == "5"
    assert first.records[0].lineage["policyholder.name"] == Lineage(
        "bytes 414-473, 5BIS/31-90", NAME[31].ljust(60), f"{CODE}/1.0"
    )


@pytest.mark.parametrize(
    ("data", "rule", "field"),
    [
        (b"", "dialect.unrecognised", None),
        (b"3MTG016 000000  ", "dialect.unrecognised", None),
        (al3()[:-16], "dialect.unrecognised", None),
        (al3(transaction())[:-1], "al3.length", None),
        (al3(transaction())[:-17] + al3(transaction())[-16:], "al3.length", None),
        (al3(transaction(), count=2), "file.count-mismatch", None),
        (al3(transaction()).replace(b"000001  ", b"1       "), "file.count-mismatch", None),
        (al3(group("5BIS", length=149)), "al3.length", None),
        (al3("7XYZ013" + " " * 6), "al3.length", None),
        (al3("7XYZ0x6" + " " * 9), "al3.length", None),
        (al3(group("5BIS"), count=0), "field.unaccounted", "5BIS"),
        (al3(group("7XYZ", length=20), transaction(), count=1), "field.unaccounted", "7XYZ"),
        (al3(transaction()).replace(b"DEMO", b"DEM\xd6"), "encoding.undecodable", None),
        (al3(transaction()).replace(b"DEMO", b"DEM\x00"), "text.control-char", None),
    ],
)
def test_a_file_whose_groups_are_not_whole_is_refused(data: bytes, rule: str, field: str | None) -> None:
    assert refused(data) == (rule, field)


def test_a_file_cut_off_anywhere_gives_nothing() -> None:
    data = al3(transaction(), transaction(CHANGE, {81: "00000100000-"}))
    for cut in range(0, len(data), 11):
        assert records(everything(CODE, data[:cut])) == []


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        (group("7XYZ", {20: "X"}, 40), "7XYZ"),
        (group("5BIS"), "5BIS"),
        (group("5BPI"), "5BPI"),
        (group("1MHG"), "1MHG"),
        (group("3MTG", {9: "000001"}), "3MTG"),
    ],
)
def test_a_group_that_is_not_of_a_transaction_refuses_it(extra: str, field: str) -> None:
    assert problems(al3(transaction() + extra)) == {(1, "field.unaccounted", field)}


@pytest.mark.parametrize(("tag", "column"), [("2TRG", 31), ("2TRG", 193), ("5BIS", 109), ("5BPI", 56), ("5CVG", 85)])
def test_a_column_that_is_not_named_refuses_its_transaction(tag: str, column: int) -> None:
    data = bytearray(al3(transaction()))
    at = data.index(f"{tag}".encode())
    data[at + column - 1 : at + column] = b"x"
    assert problems(bytes(data)) == {(1, "field.unaccounted", tag)}
    data = bytearray(al3(transaction()))
    data[at + 9 : at + 12] = b"any"  # the group's own header
    assert problems(bytes(data)) == set()


@pytest.mark.parametrize(
    ("trg", "bpi", "cvg", "rule", "field"),
    [
        ({168: "XXX"}, {}, {}, "value.unknown", "type"),
        ({168: "   "}, {}, {}, "field.missing", "type"),
        ({25: "BOP"}, {}, {}, "value.unknown", "line"),
        ({}, {}, {31: "OTHER"}, "value.unknown", "line"),
        ({}, {}, {31: "    "}, "field.missing", "line"),
        ({}, {81: "0012000000}+"}, {}, "number.unreadable", "premium.gross"),
        ({}, {81: "00120000000 "}, {}, "number.unreadable", "premium.gross"),
        ({}, {81: " 0120000000+"}, {}, "number.unreadable", "premium.gross"),
        ({}, {81: "00120000000-"}, {}, "sign.contradiction", "premium.gross"),
        ({}, {81: " " * 12}, {}, "field.missing", "premium.gross"),
        ({}, {105: "USD"}, {}, "currency.unsupported", "premium.currency"),
        ({}, {61: "2026-3-1"}, {}, "date.unreadable", "period.start"),
        ({}, {69: "20260301"}, {}, "period.inverted", "period"),
        ({}, {}, {46: "0004000000 "}, "number.unreadable", "limits.aggregate"),
        ({197: "20260230"}, {}, {}, "date.unreadable", "issued_on"),
        ({**CHANGE, 192: " "}, {81: "00000100000-"}, {}, "field.missing", "kind"),
        ({**CHANGE, 192: "X"}, {81: "00000100000-"}, {}, "value.unknown", "kind"),
        ({**CHANGE, 171: " " * 12}, {81: "00000100000-"}, {}, "field.missing", "endorsement_no"),
        ({**CHANGE, 205: "00000000"}, {81: "00000100000-"}, {}, "field.missing", "effective_on"),
        ({**CHANGE, 168: "CAN", 191: "F"}, {}, {}, "sign.contradiction", "return_premium.gross"),
    ],
)
def test_a_transaction_that_is_not_right_is_refused_for_it(
    trg: dict[int, str], bpi: dict[int, str], cvg: dict[int, str], rule: str, field: str
) -> None:
    assert problems(al3(transaction(trg, bpi, cvg))) == {(1, rule, field)}


def test_a_policy_needs_its_groups_and_one_coverage() -> None:
    bare = group("2TRG", {25: "CGL", 168: "NBS"})
    missing = {"policy_no", "policyholder.name", "line", "period.start", "period.end", "premium.gross"}
    assert problems(al3(bare)) == {(1, "field.missing", name) for name in missing}
    assert problems(al3(transaction() + group("5CVG", {31: "DRUGL"}))) == {(1, "value.unknown", "line")}


def test_changes_carry_no_coverage_and_no_name() -> None:
    change = group("2TRG", CHANGE | {205: "20260601"}) + group("5BPI", {31: PREMIUM[31], 81: "00000100000-"})
    same = change + group("5CVG", {31: "XXXX", 46: "x"}) + group("5CVG") + group("5BIS", {91: "x"})
    one, other = (records(everything(CODE, al3(data))) for data in (change, same))
    assert one == other
    assert one[0]["record"]["premium_change"] == {"gross": "-1000.00"}


def test_one_number_has_one_policy_and_one_change_of_a_number() -> None:
    change = transaction(CHANGE | {205: "20260601"}, {81: "00000100000-"})
    other = transaction(CHANGE | {171: "END000000002", 205: "20260601"}, {81: "00000100000-"})
    assert problems(al3(transaction(), change, other)) == set()
    assert problems(al3(transaction(), change, change)) == {(3, "row.duplicate", "endorsement_no")}
    assert problems(al3(transaction(), transaction({}, {}, {46: "00040000001"}))) == {
        (1, "row.conflict", "policy_no"),
        (2, "row.conflict", "policy_no"),
    }
