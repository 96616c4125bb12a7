"""The standard in XML and in its workbook template is read to the same records as in JSON."""

import io
import json
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from standard_made import RECORDS, Message, every_type, filled_in, message
from test_round_trip import policies
from translated import everything, records, told

from sandbox import newcomer
from schemas.markup import NAMESPACE, as_xml
from schemas.template import NAMES_ROW, tables, template

CODES = {"DIA-CANON-XML": as_xml, "DIA-CANON-XLSX": filled_in}


def as_sent(messages: list[Message]) -> list[dict[str, Any]]:
    return [{"row": row, "type": one["type"], "record": one["record"]} for row, one in enumerate(messages, 1)]


def test_the_records_here_are_what_json_says() -> None:
    rows = everything("DIA-CANON-JSON", json.dumps(every_type()).encode(), insurer="ZAC-PC")
    assert told(rows) == set()
    assert records(rows) == as_sent(every_type())


@pytest.mark.parametrize("code", CODES)
def test_a_message_of_every_type_is_the_same_record(code: str) -> None:
    rows = everything(code, CODES[code](every_type()), insurer="ZAC-PC")
    assert told(rows) == set()
    assert records(rows) == as_sent(every_type())
    assert [row.envelope["message_id"] for row in rows] == [f"M-{name}" for name in RECORDS]


@pytest.mark.parametrize("code", CODES)
def test_what_the_sandbox_tells_is_the_same_record(code: str) -> None:
    bodies = [{name: value for name, value in one.body.items() if value != []} for one in newcomer.records()]
    told_of = zip(newcomer.records(), bodies, strict=True)
    sent = [message(one.type, body, f"M-{at}") for at, (one, body) in enumerate(told_of, 1)]
    policies_first = sorted(sent, key=lambda one: str(one["type"]))  # as the sheets of the template stand
    rows = everything(code, CODES[code](policies_first), insurer="ZAC-PC")
    assert told(rows) == set()
    assert records(rows) == as_sent(policies_first)


def test_a_template_filled_with_texts_is_the_same_too() -> None:
    rows = everything("DIA-CANON-XLSX", filled_in(every_type(), typed=False), insurer="ZAC-PC")
    assert told(rows) == set()
    assert records(rows) == as_sent(every_type())


@settings(max_examples=25, deadline=None)
@given(record=policies())
def test_any_policy_in_xml_is_the_same_record(record: dict[str, Any]) -> None:
    sent = [message("policy", record, "M-1")]
    rows = everything("DIA-CANON-XML", as_xml(sent), insurer="ZAC-PC")
    assert told(rows) == set()
    assert records(rows) == as_sent(sent)


@settings(max_examples=4, deadline=None)
@given(record=policies())
def test_any_policy_in_the_template_is_the_same_record(record: dict[str, Any]) -> None:
    sent = [message("policy", record, "M-1")]
    rows = everything("DIA-CANON-XLSX", filled_in(sent), insurer="ZAC-PC")
    assert told(rows) == set()
    assert records(rows) == as_sent(sent)


def test_every_value_names_its_element() -> None:
    row = everything("DIA-CANON-XML", as_xml(every_type()), insurer="ZAC-PC")[0]
    lineage = row.records[0].lineage
    at = "/messages/message[1]/policy"
    assert lineage["policy_no"].source == f"{at}/policy_no"
    assert lineage["insured.1.name"].source == f"{at}/insured[2]/name"
    assert lineage["premium.gross"] == (f"{at}/premium/gross", "800000.00", "DIA-CANON-XML/1.0")


def test_every_value_names_its_cell_and_what_stands_there() -> None:
    row = everything("DIA-CANON-XLSX", filled_in(every_type()), insurer="ZAC-PC")[0]
    lineage = row.records[0].lineage
    assert lineage["policy_no"].source == "保单 policy!D5"
    assert lineage["insured.1.name"].source == "被保险人 policy.insured!B6"
    assert lineage["premium.gross"].raw == "800000"
    assert lineage["line"].raw == "product_liability 产品责任保险"


def changed_xml(before: str, after: str) -> bytes:
    document = as_xml(every_type()).decode()
    assert before in document
    return document.replace(before, after, 1).encode()


@pytest.mark.parametrize(
    ("before", "after", "rule", "field"),
    [
        ("<currency>CNY</currency>", "<currency>CNY</currency><vat>6</vat>", "field.unaccounted", "record.premium.vat"),
        ("<line>", '<line kind="x">', "field.unaccounted", "record.line/@kind"),
        ("<policy>", '<policy kind="x">', "field.unaccounted", "record.@kind"),
        ("<policy>", "<policy>loose", "field.unaccounted", "record.text()"),
        ("<line>product_liability</line>", "<line>x</line><line>x</line>", "field.unaccounted", "record.line"),
        ("<line>product_liability</line>", "<line><x/></line>", "field.unaccounted", "record.line"),
        ("<line>", '<line xmlns="">', "field.unaccounted", "record.{}line"),
        ("<gross>800000.00", "<gross>800000", "money.format", "premium.gross"),
        ("<gross>800000.00", "<gross>80.00", "premium.tax-mismatch", "premium.gross"),
        ("<lead>true", "<lead>1", "value.unknown", "coinsurance.lead"),
        ("<insurer>ZAC-PC", "<insurer>OTHER", "insurer.mismatch", "insurer"),
        ("<message_id>M-policy<", "<message_id><", "field.missing", "message_id"),
        ("</policy>", "</policy><invoice/>", "field.unaccounted", "invoice"),
    ],
)
def test_what_is_wrong_in_xml_is_told_where_it_is(before: str, after: str, rule: str, field: str) -> None:
    rows = everything("DIA-CANON-XML", changed_xml(before, after), insurer="ZAC-PC")
    assert (1, rule, field) in told(rows)
    assert rows[0].records == ()
    assert all(row.records for row in rows[1:])


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (f'<messages xmlns="{NAMESPACE}"><other/></messages>', "field.unaccounted"),
        (f'<messages xmlns="{NAMESPACE}" x="1"/>', "field.unaccounted"),
        (f'<messages xmlns="{NAMESPACE}">x</messages>', "field.unaccounted"),
        ("<messages/>", "dialect.unrecognised"),
        ('<messages xmlns="urn:premium-exchange:2.0"/>', "dialect.unrecognised"),
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><messages/>", "xml.dtd"),
    ],
)
def test_what_stands_around_the_messages_refuses_the_file(document: str, rule: str) -> None:
    (row,) = everything("DIA-CANON-XML", document.encode())
    assert [(problem.rule, problem.effect) for problem in row.problems] == [(rule, "F")]


def edited(change: Callable[[openpyxl.Workbook], None], messages: list[Message] | None = None) -> bytes:
    workbook = openpyxl.load_workbook(io.BytesIO(filled_in(messages or every_type()[:1])))
    change(workbook)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def at(name: str, path: str) -> tuple[str, str]:
    """Sheet and first data cell of a field."""
    from openpyxl.utils import get_column_letter

    table = tables()[name]
    column = next(place for place, one in enumerate(table.places, 1) if one.path == path)
    return table.name, f"{get_column_letter(column)}{NAMES_ROW + 1}"


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("premium.gross", "=400000+400000", "text.formula"),
        ("premium.gross", 800000.005, "number.sub-fen"),
        ("premium.gross", "8十万", "number.unreadable"),
        ("period.end", "2027-02-30", "date.unreadable"),
        ("period.end", 1, "date.unreadable"),
        ("rate_percent", "很高", "number.unreadable"),
        ("policy_no", 123456789012345678, "number.precision-lost"),
        ("policyholder.name", "=A1", "text.formula"),
        ("policyholder.name", None, "field.missing"),
        ("line", "人寿", "value.unknown"),
        ("message_id", None, "field.missing"),
    ],
)
def test_what_is_wrong_in_a_cell_is_told_with_the_cell(path: str, value: Any, rule: str) -> None:
    sheet, cell = at("policy", path)

    def change(workbook: openpyxl.Workbook) -> None:
        workbook[sheet][cell].value = value
        if path == "message_id":
            for table in tables().values():
                if table.of and table.type == "policy":
                    workbook[table.name].delete_rows(NAMES_ROW + 1, 5)

    rows = everything("DIA-CANON-XLSX", edited(change), insurer="ZAC-PC")
    assert (1, rule, path) in told(rows)
    assert records(rows) == []
    assert any(problem.where == f"{sheet}!{cell}" for problem in rows[0].problems if problem.rule == rule)


def test_a_percentage_may_be_written_with_its_sign_or_format() -> None:
    sheet, cell = at("policy", "rate_percent")

    def formatted(workbook: openpyxl.Workbook) -> None:
        workbook[sheet][cell].value, workbook[sheet][cell].number_format = 0.016, "0.0%"

    def signed(workbook: openpyxl.Workbook) -> None:
        workbook[sheet][cell].value = "16‰"

    for change in (formatted, signed):
        (found,) = records(everything("DIA-CANON-XLSX", edited(change), insurer="ZAC-PC"))
        assert found["record"]["rate_percent"] == "1.6"


def test_a_quantity_may_be_a_number_and_an_identifier_may_not() -> None:
    sent = [one for one in every_type() if one["type"] == "delivery"]
    sheet, quantity = at("delivery", "quantity")
    _, number = at("delivery", "policy_no")

    def change(value: float | int, cell: str) -> bytes:
        def set_cell(workbook: openpyxl.Workbook) -> None:
            workbook[sheet][cell].value = value

        return edited(set_cell, sent)

    (found,) = records(everything("DIA-CANON-XLSX", change(12.5, quantity), insurer="ZAC-PC"))
    assert found["record"]["quantity"] == "12.5"
    (found,) = records(everything("DIA-CANON-XLSX", change(12, quantity), insurer="ZAC-PC"))
    assert found["record"]["quantity"] == "12"
    rows = everything("DIA-CANON-XLSX", change(123456789012.5, number), insurer="ZAC-PC")
    assert (1, "number.precision-lost", "policy_no") in told(rows)


def test_an_entry_of_a_list_that_belongs_to_no_record_is_told() -> None:
    sheet, cell = at("policy.clauses", "message_id")

    def change(workbook: openpyxl.Workbook) -> None:
        workbook[sheet][cell].value = "M-other"

    rows = everything("DIA-CANON-XLSX", edited(change), insurer="ZAC-PC")
    assert (2, "row.unreadable", "message_id") in told(rows)


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        (lambda book: book.create_sheet("备注").append(["x"]), "sheet.unaccounted", "备注"),
        (lambda book: book["保单 policy"].cell(4, 60, "vat"), "field.unaccounted", "vat"),
        (lambda book: book["保单 policy"].cell(5, 60, "x"), "field.unaccounted", ""),
        (lambda book: book["保单 policy"].cell(4, 60, "policy_no"), "column.duplicate", "policy_no"),
        (lambda book: book["保单 policy"].delete_rows(4), "header.not-found", None),
    ],
)
def test_a_changed_template_refuses_the_file(change: Any, rule: str, field: str | None) -> None:
    (row,) = everything("DIA-CANON-XLSX", edited(change), insurer="ZAC-PC")
    assert [(problem.rule, problem.field, problem.effect) for problem in row.problems] == [(rule, field, "F")]


def test_an_empty_template_has_no_messages() -> None:
    assert everything("DIA-CANON-XLSX", template()) == []
