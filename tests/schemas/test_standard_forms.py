"""The standard in its other forms: XSD, workbook template, field dictionary, and the terms that they are made of."""

import io
import json
import posixpath
import tomllib
import zipfile
from typing import Any

import openpyxl
import pytest
from lxml import etree

from schemas import generate, structure
from schemas.markup import NAMESPACE, as_xml, xsd
from schemas.structure import has_term, leaves, nouns, record_nouns
from schemas.submission import RECORDS
from schemas.template import CODES, ENVELOPE, HELP, NAMES_ROW, TYPES, tables, template

POLICY: dict[str, Any] = {
    "policy_no": "PZAC202633010000000601",
    "policyholder": {"name": "示例医药（杭州）有限公司 <A&B>", "credit_code": "91330108MA2XX9T186"},
    "insured": [{"name": "甲", "role": "insured"}, {"name": "乙", "role": "additional"}],
    "product": {"kind": "drug", "class_codes": ["2.2", "2.4"]},
    "line": "product_liability",
    "period": {"start": "2026-03-01", "end": "2027-02-28"},
    "rate_percent": "1.6",
    "premium": {"gross": "800000.00", "currency": "CNY"},
    "coinsurance": [
        {"insurer": "甲财险", "share_percent": "60", "lead": True},
        {"insurer": "丙财险", "share_percent": "40", "lead": False},
    ],
}
INVOICE = {
    "invoice_no": "26332000000012345678",
    "issued_on": "2026-02-27",
    "net": "-94.34",
    "tax": "-5.66",
    "gross": "-100.00",
    "red_letter_of": "26332000000012345679",
}
DAY = {"date": "2026-03-01", "totals": [{"type": "policy", "count": 12, "amount": "9600000.00"}]}


def message(type_: str, record: dict[str, Any], message_id: str = "M-1") -> dict[str, Any]:
    return {
        "schema": "premium-exchange/1.0",
        "type": type_,
        "message_id": message_id,
        "insurer": "ZAC-PC",
        "sent_at": "2026-03-02T09:00:00+08:00",
        "record": record,
    }


MESSAGES = [message("policy", POLICY), message("invoice", INVOICE, "M-2"), message("day_close", DAY, "M-3")]


def judge(document: bytes) -> list[str]:
    schema = etree.XMLSchema(etree.fromstring(xsd().encode()))
    schema.validate(etree.fromstring(document))
    return [str(error.message) for error in schema.error_log]


def test_every_field_type_and_value_has_a_term() -> None:
    """Whoever adds a field to a noun says in schemas/terms.toml what people call it."""
    lacking = [
        f"{noun}.{one.name}" for noun, fields in nouns().items() for one in fields if not has_term(noun, one.name)
    ]
    lacking += [f"records.{name}" for name in RECORDS if not has_term("records", name)]
    values = {value for fields in nouns().values() for one in fields for value in one.values}
    lacking += [f"values.{value}" for value in sorted(values) if not has_term("values", value)]
    assert not lacking, f"add to {structure.TERMS}"


def test_no_term_is_of_a_field_that_no_longer_is() -> None:
    terms = tomllib.loads(structure.TERMS.read_text(encoding="utf-8"))
    assert set(terms.pop("records")) == set(RECORDS)
    terms.pop("values")
    for noun, named in terms.items():
        assert set(named) <= {element.name for element in nouns()[noun]}, noun


def test_what_people_read_in_a_json_schema_is_the_term() -> None:
    gross = json.loads(generate.generated()["policy.schema.json"])["$defs"]["Premium"]["properties"]["gross"]
    assert gross["title"] == "含税保费 gross premium"
    assert "单位：元" in gross["description"]
    assert "BX0015" in gross["description"]


def test_messages_written_in_xml_are_of_the_schema() -> None:
    assert judge(as_xml(MESSAGES)) == []


def test_a_field_that_no_noun_has_is_not_written() -> None:
    with pytest.raises(KeyError, match="vat"):
        as_xml([message("policy", POLICY | {"vat": "1.00"})])


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("800000.00</gross>", "800000</gross>", "pattern"),
        ("800000.00</gross>", "-800000.00</gross>", "pattern"),
        ("-94.34</net>", "-094.34</net>", "pattern"),
        ("<rate_percent>1.6<", "<rate_percent>1.6%<", "pattern"),
        ("<line>product_liability<", "<line>life<", "enumeration"),
        ("<lead>true<", "<lead>1<", "pattern"),
        ("2026-03-01</start>", "2026-02-30</start>", "not a valid value"),
        ("09:00:00+08:00", "09:00:00", "pattern"),
        ("<count>12<", "<count>-1<", "minInclusive"),
        ("<line>product_liability</line>", "", "Expected"),
        ("<currency>CNY</currency>", "<currency>CNY</currency><vat>6</vat>", "not expected"),
        ("<message_id>M-2<", "<message_id>M-1<", "Duplicate"),
        (NAMESPACE, "urn:premium-exchange:2.0", "No matching global declaration"),
        ("91330108MA2XX9T186", "91330108MA2XX9T18", "pattern"),
    ],
)
def test_what_is_not_of_the_standard_does_not_validate(before: str, after: str, told: str) -> None:
    document = as_xml(MESSAGES).decode()
    assert before in document
    problems = judge(document.replace(before, after, 1).encode())
    assert any(told in problem for problem in problems), problems


def test_every_record_type_and_field_stands_in_the_xsd_with_its_terms() -> None:
    names = {"xs": "http://www.w3.org/2001/XMLSchema"}
    root = etree.fromstring(xsd().encode())
    for name, noun in record_nouns().items():
        assert root.xpath(f"//xs:choice/xs:element[@name='{name}'][@type='{noun}']", namespaces=names), name
    for noun, fields in nouns().items():
        if noun != "Envelope":
            found = root.xpath(f"xs:complexType[@name='{noun}']//xs:sequence/xs:element/@name", namespaces=names)
            assert found == [element.name for element in fields]
    said = root.xpath(
        "//xs:complexType[@name='Premium']//xs:element[@name='gross']//xs:documentation", namespaces=names
    )
    assert [one.text.split("：")[0].split(":")[0] for one in said] == [
        "含税保费。含增值税。单位",
        "gross premium. Value added tax included. Unit",
    ]


def test_the_template_has_a_sheet_for_each_type_and_each_list() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(template()))
    assert workbook.sheetnames == [HELP, *(table.name for table in tables().values()), CODES]
    for table in tables().values():
        sheet = workbook[table.name]
        assert [cell.value for cell in sheet[NAMES_ROW]] == [place.path for place in table.places]
        assert sheet.freeze_panes == f"B{NAMES_ROW + 1}"
        assert all(cell.comment is not None and cell.comment.text for cell in sheet[2])
        checked = {str(one.sqref).split(":")[0] for one in sheet.data_validations.dataValidation}
        assert checked == {f"{cell.column_letter}{NAMES_ROW + 1}" for cell in sheet[NAMES_ROW]}
    for name in TYPES:
        own = {place.path for place in tables()[name].places} - set(ENVELOPE)
        lists = {table.of for table in tables().values() if table.type == name and table.of}
        assert own | lists == {path for path, _ in leaves(record_nouns()[name])}


def test_every_part_of_the_template_is_xml_and_what_it_refers_to_is_there() -> None:
    archive = zipfile.ZipFile(io.BytesIO(template()))
    names = set(archive.namelist())
    shapes: list[str] = []
    for name in names:
        root = etree.fromstring(archive.read(name))
        if name.endswith(".rels"):
            folder = posixpath.dirname(posixpath.dirname(name))
            for target in root.xpath("//@Target"):
                assert posixpath.normpath(posixpath.join(folder, target)) in names, name
        shapes += [str(found) for found in root.xpath("//@id") if str(found).startswith("_x0000_s")]
    assert len(shapes) == len(set(shapes)) > 100
    stated = etree.fromstring(archive.read("[Content_Types].xml")).xpath("//@PartName")
    assert {str(part).lstrip("/") for part in stated} <= names


def test_columns_of_the_template_have_their_format_list_and_comment() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(template()))
    sheet = workbook[tables()["policy"].name]
    columns = {cell.value: cell.column_letter for cell in sheet[NAMES_ROW]}
    checks = {str(one.sqref).split("5")[0]: one for one in sheet.data_validations.dataValidation}
    format_of = {name: sheet.column_dimensions[letter].number_format for name, letter in columns.items()}
    assert (format_of["policy_no"], format_of["premium.gross"]) == ("@", "#,##0.00")
    assert (format_of["period.start"], format_of["rate_percent"]) == ("yyyy\\-mm\\-dd", "0.############")
    assert checks[columns["period.start"]].type == "date"
    assert (checks[columns["premium.gross"]].type, checks[columns["premium.gross"]].formula1) == ("decimal", "0")
    listed = checks[columns["line"]].formula1
    assert listed.startswith(f"'{CODES}'!$")
    codes = [cell.value for (cell,) in workbook[CODES][listed.partition("!")[2].replace("$", "")]]
    assert codes[0] == "product_liability 产品责任保险"
    comment = sheet[f"{columns['premium.gross']}2"].comment
    assert comment is not None
    assert {"含税保费 gross premium", "JR/T 0033 BX0015", "例 example: 800000.00"} <= set(comment.text.split("\n"))
    assert sheet[f"{columns['premium.gross']}2"].value == "保费·含税保费 *"
    assert "元" in sheet[f"{columns['premium.gross']}3"].value


def test_every_form_is_generated_to_the_same_bytes() -> None:
    assert generate.other_forms() == generate.other_forms()


def test_every_field_stands_in_the_dictionary() -> None:
    page = generate.other_forms()[generate.DICTIONARY].decode()
    for noun in record_nouns().values():
        for path, way in leaves(noun):
            assert f"| `{path}{'[]' if way[-1].many else ''}` |" in page
    assert "`insured[].role`" in page
    assert "| BX0015 |" in page
