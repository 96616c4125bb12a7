"""Every format meets every hostile file: refused with a reason, in bounded time and memory, and never a record."""

import gzip
import io
import json
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from translated import everything

from adapters import Row, convert
from adapters.insurers import MAPPINGS
from sandbox import invoices, records
from sandbox.dialects import DIALECTS, Sending, render
from sandbox.records import Record
from schemas.archive import write_archive
from tests.shared import vectors

MIB = 1024 * 1024
SECONDS = 20.0
BY = Sending("SANDBOX-A", "M-1", datetime(2026, 11, 21, 8, tzinfo=UTC))
TREES = [code for code in DIALECTS if code.endswith(("-XML", "-JSON"))]
XML = [code for code in DIALECTS if code.endswith("-XML")]
JSON = [code for code in DIALECTS if code.endswith("-JSON")]
PARTIES = ("policyholder", "payer", "buyer")
TABLES = ["DIA-CSV-LIST", "DIA-XLSX-BDX", "DIA-CRS-CSV", "DIA-EAST-TXT"]


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < SECONDS


def usual(code: str, name: str = "DEMO PHARMA CO.") -> bytes:
    """A good file of this format: a policy, a receipt or an invoice of the holder `name`."""
    holder = {"name": name, "credit_code": "91330108MA2XX9T186"}
    facts = records.policy(
        BY.insurer,
        policy_no="PTEST20263301000001",
        policyholder=holder,
        product={
            "generic_name": "示例替尼片",
            "approval_no": "国药准字H20230999",
            "approval_date": "2023-06-28",
            "registration_class": "化药1类",
            "dosage_form": "片剂",
            "specification": "20mg",
            "holder": holder,
            "manufacturer": holder,
        },
        line="product_liability",
        clauses=[{"registration_no": "C00009930912025061000011", "name": "条款", "kind": "main"}],
        issued_on=date(2026, 2, 20),
        start=date(2026, 3, 1),
        years=1,
        aggregate="50000000",
        rate="2",
    )
    day = date(2026, 3, 2)
    sent: Record = facts
    if code == "DIA-RECEIPT-JSON":
        sent = records.receipt(
            facts, receipt_no="SK0001", amount="1000000.00", received_on=day, instalment_no=1, in_full=True
        )
    if code == "DIA-EINV-XML":
        sent = invoices.invoice(facts, invoice_no="2" * 20, issued_on=day, seller=holder, gross="1000000.00")
    return render(code, [sent], BY)[1]


def read(code: str, data: bytes) -> list[Row]:
    return everything(code, data, insurer=BY.insurer)


def names(rows: list[Row]) -> set[str]:
    """The names of the parties of every record."""
    found = [draft.record.get(party) for row in rows for draft in row.records for party in PARTIES]
    return {party["name"] for party in found if party}


def refused(rows: list[Row]) -> str:
    """The rule by which the file as a whole is refused."""
    assert [row.row for row in rows] == [0]
    assert not rows[0].records
    ((rule, effect),) = {(problem.rule, problem.effect) for problem in rows[0].problems}
    assert effect == "F"
    return rule


def told(rows: list[Row]) -> set[str]:
    """The rules of what was refused; no record of it came out."""
    assert not any(row.records for row in rows)
    return told_of(rows)


def told_of(rows: list[Row]) -> set[str]:
    return {problem.rule for row in rows for problem in row.problems if problem.effect != "N"}


def deflated(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_the_usual_file_is_read() -> None:
    for code in DIALECTS:
        assert [len(row.records) for row in read(code, usual(code))] == [1], code


ZEROS = bytes(64 * MIB)
HOSTILE = {
    "nothing": b"",
    "white space": b" \r\n\t" * 1000,
    "NUL bytes": bytes(1000),
    "a zip bomb": deflated({"a.xml": ZEROS, "xl/workbook.xml": ZEROS}),
    "a gzip bomb": gzip.compress(ZEROS),
    "a truncated gzip": gzip.compress(b"H|!|CXBDXX" * 1000)[:-20],
    "a zip of a zip": write_archive({"a.zip": write_archive({"b.xml": b"<EInvoice/>"})}),
    "a zip that climbs": write_archive({"../a.xml": b"<EInvoice/>"}),
    "a zip with an absolute name": write_archive({"/etc/a.xml": b"<EInvoice/>"}),
    "a zip with a drive": write_archive({"C:\\a.xml": b"<EInvoice/>"}),
    "a zip of very many": write_archive({f"{n}.xml": b"<EInvoice/>" for n in range(2001)}),
    "a deep tree": b"<a>" * 200_000 + b"</a>" * 200_000,
    "a deep list": b"[" * 200_000,
    "a deep object": b'{"a":' * 100_000,
    "an entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "laughter": b"<!DOCTYPE a [<!ENTITY x 'ha'>" + b"<!ENTITY y '" + b"&x;" * 5000 + b"'>]><a>&y;</a>",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100,
    "a PDF": b"%PDF-1.7\n" + b"0 obj\n" * 1000,
    "too much": b" " * (33 * MIB),
    "a very long line": b"a" * (8 * MIB),
    "very many lines": b"\n" * 300_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_hostile_is_refused_as_a_whole(what: str) -> None:
    for code in DIALECTS:
        assert refused(read(code, HOSTILE[what])), code


DTD = b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]>'


@pytest.mark.parametrize("code", XML)
def test_a_document_type_before_a_good_message_is_refused(code: str) -> None:
    prolog, end, rest = usual(code).partition(b"?>")
    assert refused(read(code, prolog + end + DTD + rest)) == "xml.dtd"


@pytest.mark.parametrize("code", DIALECTS)
def test_a_nul_byte_anywhere_in_a_good_file_gives_no_record(code: str) -> None:
    data = usual(code)
    for place in range(0, len(data), max(1, len(data) // 40)):
        assert told(read(code, data[:place] + b"\0" + data[place:])), place


@pytest.mark.parametrize("code", DIALECTS)
def test_a_file_cut_off_anywhere_gives_no_record(code: str) -> None:
    """But for lists, which have no end mark: there a whole row is a whole row."""
    data = usual(code)
    for place in range(0, len(data) - 1, max(1, len(data) // 60)):
        rows = read(code, data[:place])
        assert code in ("DIA-CSV-LIST", "DIA-CRS-CSV") or told(rows)
    if code in ("DIA-CSV-LIST", "DIA-CRS-CSV"):
        header = data.index(b"\n") + 1
        assert not any(row.records for place in range(header) for row in read(code, data[:place]))


@pytest.mark.parametrize("code", [code for code in DIALECTS if code != "DIA-ACORD-AL3"])
def test_a_huge_value_is_read_or_refused_and_never_cut(code: str) -> None:
    name = "x" * 40_000
    rows = read(code, usual(code, name))
    if code in TABLES:
        assert refused(rows) == "cell.too-long"
    else:
        assert names(rows) == {name}


@pytest.mark.parametrize("code", TABLES)
@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", '=HYPERLINK("http://x")', "＝1"])
def test_a_formula_in_a_name_is_refused(code: str, cell: str) -> None:
    assert told(read(code, usual(code, cell))) == {"text.formula"}


@pytest.mark.parametrize("code", DIALECTS)
@pytest.mark.parametrize("character", ["\u202e", "\u200b", "\ue000", "\ufffd"])
def test_a_character_that_nobody_sees_is_refused(code: str, character: str) -> None:
    if code == "DIA-ACORD-AL3":  # ASCII: the writer has no way to say it
        return
    assert told(read(code, usual(code, f"DEMO{character} PHARMA"))) == {"text.control-char"}


def test_a_bomb_that_is_a_good_message_is_refused_all_the_same() -> None:
    blank = b" " * (65 * MIB)
    invoice = usual("DIA-EINV-XML").replace(b"<EInvoice>", b"<EInvoice>" + blank)
    assert refused(read("DIA-EINV-XML", deflated({"a.xml": invoice}))) == "archive.bomb"
    with zipfile.ZipFile(io.BytesIO(usual("DIA-XLSX-BDX"))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = next(name for name in parts if "worksheets" in name)
    parts[sheet] = parts[sheet].replace(b"<sheetData>", blank + b"<sheetData>")
    assert refused(read("DIA-XLSX-BDX", deflated(parts))) == "archive.bomb"
    assert refused(read("DIA-EAST-TXT", gzip.compress(usual("DIA-EAST-TXT") + blank))) == "archive.bomb"


def test_a_gzip_with_another_checksum_is_refused() -> None:
    data = gzip.compress(usual("DIA-EAST-TXT"), mtime=0)
    wrong = (zlib.crc32(data) ^ 1).to_bytes(4, "little")
    assert refused(read("DIA-EAST-TXT", data[:-8] + wrong + data[-4:])) == "archive.truncated"
    for place in range(12, len(data), 7):
        assert refused(read("DIA-EAST-TXT", data[:place])) == "archive.truncated"


@pytest.mark.skipif(sys.platform != "linux", reason="the measure is Linux's own")
def test_all_of_it_fits_in_little_memory(tmp_path: Path) -> None:
    """The bombs are read by a process of their own, whose memory is counted."""
    for number, data in enumerate(data for data in HOSTILE.values() if len(data) > 50_000):
        (tmp_path / str(number)).write_bytes(data)
    script = (
        "import sys; from pathlib import Path; from adapters import translate\n"
        "from adapters.insurers import MAPPINGS\n"
        "for path in Path(sys.argv[1]).iterdir():\n"
        "    data = path.read_bytes()\n"
        "    for code in MAPPINGS:\n"
        "        for row in translate(code, data): assert not row.records\n"
        "print(next(line for line in Path('/proc/self/status').read_text().splitlines() if line[:5] == 'VmHWM'))\n"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=300, check=True
    )
    assert int(ran.stdout.split()[1]) < 300 * 1024, ran.stdout  # KiB, the program itself included


# The published suites, through the formats that read such files.


@pytest.mark.parametrize("code", JSON)
def test_json_suite_gives_no_record_and_no_crash(code: str) -> None:
    files = sorted(vectors("JSONTestSuite").glob("test_parsing/*.json"))
    assert len(files) > 300
    for file in files:
        rules = told(read(code, file.read_bytes()))
        if file.name.startswith("n_"):
            assert rules & {"json.malformed", "json.too-deep", "encoding.undecodable", "dialect.unrecognised"}, (
                file.name
            )


@pytest.mark.parametrize("code", XML)
def test_xml_suite_gives_no_record_and_no_crash(code: str) -> None:
    files = [file for file in vectors("defusedxml").rglob("*.xml") if file.is_file()]
    assert len(files) > 5
    for file in files:
        assert refused(read(code, file.read_bytes())), file.name


@pytest.mark.parametrize("code", ["DIA-EINV-XML", "DIA-XLSX-BDX"])
@pytest.mark.parametrize("suite", ["zip-warehouse", "poi-xlsx"])
def test_archive_suites_give_no_record_and_no_crash(code: str, suite: str) -> None:
    files = [file for file in vectors(suite).rglob("*") if file.is_file() and file.suffix in (".zip", ".xlsx", ".xlsm")]
    assert len(files) > 5
    for file in files[:: 1 if suite == "zip-warehouse" else 4]:
        assert told(read(code, file.read_bytes())), file.name


@pytest.mark.parametrize("code", TREES)
def test_naughty_strings_are_read_as_they_are_or_refused(code: str) -> None:
    naughty = [text for text in json.loads((vectors("blns") / "blns.json").read_text(encoding="utf-8")) if text]
    assert len(naughty) > 500
    count = 0
    for text in naughty[::2]:
        rows = read(code, usual(code, text))
        if not told_of(rows):
            assert names(rows) == {convert.text(text)}  # which raises for what is no text
            count += 1
    assert count > 100


def test_every_format_is_among_them() -> None:
    assert set(DIALECTS) <= set(MAPPINGS)
    assert set(TREES) | set(TABLES) | {"DIA-ACORD-AL3"} == set(DIALECTS)
