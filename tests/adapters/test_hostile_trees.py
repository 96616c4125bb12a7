"""Trees made to hurt: each is refused, or read, within seconds and without an exception."""

import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from translated import everything, told
from trees_made import (
    CONFIRMATION,
    EXTRACT,
    INVOICE,
    PACKET,
    SOAP_CHANGE,
    SOAP_RECEIPT,
    acord,
    add,
    archive,
    confirmation,
    envelope,
    extract,
    invoice,
    soap,
    xml,
)

MIB = 1024 * 1024
SECONDS = 20.0
LONG = [
    "A\n" * 500_000,
    " " * MIB + "x" + " " * MIB,
    "ﷺ" * 300_000,
    "1" * MIB,
    "-" * MIB,
    "零" * MIB,
    "保单号：" * 200_000,
]


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < SECONDS


def paths(tree: Any, at: str = "") -> Iterator[str]:
    """The paths of all leaves."""
    for name, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
        path = f"{at}/{name}" if at else str(name)
        if isinstance(item, dict | list):
            yield from paths(item, path)
        else:
            yield path


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_a_long_text_is_read_or_refused_at_once(text: str) -> None:
    for path in paths(INVOICE):
        everything("DIA-EINV-XML", invoice({path: text}).encode())
    for path in paths(EXTRACT):
        everything("DIA-PRPC-JSON", extract({path: text}))
    for path in paths(CONFIRMATION):
        everything("DIA-RECEIPT-JSON", confirmation({path: text}))
    for packet in (PACKET, SOAP_RECEIPT, SOAP_CHANGE):
        for path in paths(packet):
            everything("DIA-SOAP-XML", soap(packet, {path: text}))
    for name in ("CommlPolicy/PolicyNumber", "CommlPolicy/ContractTerm/EffectiveDt", "CurCd"):
        everything("DIA-ACORD-XML", add({name: text}))


def test_very_many_lines_and_requests_are_read() -> None:
    line = xml({"IssuItemInformation": {"Amount": "x", "ComTaxAm": "1"}}) * 50_000
    text = invoice().replace("<AdditionalInformation>", line + "<AdditionalInformation>")
    assert ("number.unreadable", "net") in {
        (rule, name) for _, rule, name in told(everything("DIA-EINV-XML", text.encode()))
    }
    unknown = add().replace(b"</InsuranceSvcRq>", b"<X/>" * 50_000 + b"</InsuranceSvcRq>")
    assert len(everything("DIA-ACORD-XML", unknown)) == 50_001
    same = acord(*[("CommlPkgPolicyAddRq", {})] * 300)
    assert len(told(everything("DIA-ACORD-XML", same))) == 299


def test_very_many_unknown_members_are_told_and_not_all_kept() -> None:
    (row,) = everything("DIA-PRPC-JSON", extract({f"x{n}": 1 for n in range(100_000)}))
    assert 0 < len(row.problems) <= 1010
    (row,) = everything(
        "DIA-RECEIPT-JSON", b'{"head": {' + b",".join(b'"%d":1' % n for n in range(100_000)) + b'}, "data": []}'
    )
    assert row.problems[0].rule == "field.unaccounted"


ENTITY = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
LAUGHS = "<!DOCTYPE a [<!ENTITY x 'ha'>" + "".join(f"<!ENTITY x{n} '{'&x;' * 50}'>" for n in range(9)) + "]>"


@pytest.mark.parametrize("prolog", [ENTITY, LAUGHS, "<!DOCTYPE a PUBLIC 'x' 'http://127.0.0.1:9/x.dtd'>"])
@pytest.mark.parametrize("code", ["DIA-EINV-XML", "DIA-SOAP-XML", "DIA-ACORD-XML"])
def test_document_types_are_refused_wherever_xml_is_read(code: str, prolog: str) -> None:
    whole = {"DIA-EINV-XML": invoice().encode(), "DIA-SOAP-XML": soap(PACKET), "DIA-ACORD-XML": add()}[code]
    assert told(everything(code, prolog.encode() + whole)) == {(0, "xml.dtd", None)}
    within = archive({"a.xml": prolog.encode() + whole}) if code == "DIA-EINV-XML" else envelope(prolog + "<Packet/>")
    if code != "DIA-ACORD-XML":
        assert told(everything(code, within)) == {(0, "xml.dtd", None)}


def test_an_inclusion_is_an_unknown_element() -> None:
    include = "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='file:///etc/passwd' parse='text'/>"
    data = invoice().replace("</Header>", f"{include}</Header>").encode()
    assert told(everything("DIA-EINV-XML", data)) == {(1, "field.unaccounted", "Header/include")}


def test_zips_made_to_grow_or_to_nest_are_refused() -> None:
    xml_ = invoice().encode()
    assert told(everything("DIA-EINV-XML", archive({f"{n}.xml": b"" for n in range(2001)})))
    for name in ("a.zip", "A.ZIP", "b/c.Zip"):
        assert told(everything("DIA-EINV-XML", archive({"a.xml": xml_, name: archive({"x.xml": xml_})}))) == {
            (0, "archive.nested", None)
        }
    nested = archive({"a.xml": archive({"x.xml": xml_})})  # by its name a document, and so it is read as one
    assert {rule.partition(".")[0] for _, rule, _ in told(everything("DIA-EINV-XML", nested))} <= {"xml", "encoding"}
    grown = b"<EInvoices>" + b" " * (250 * MIB // 4) + b"</EInvoices>"
    assert {rule for _, rule, _ in told(everything("DIA-EINV-XML", archive({"a.xml": grown})))} == {"archive.bomb"}


def test_a_zip_cut_off_anywhere_gives_nothing() -> None:
    data = archive({"a.xml": invoice().encode(), "b.xml": invoice({"Header/EIid": None}).encode()})
    for end in range(4, len(data), 7):
        assert not any(row.records for row in everything("DIA-EINV-XML", data[:end]))


def test_a_zip_with_another_checksum_gives_nothing() -> None:
    content = invoice().encode()
    data = archive({"a.xml": content})
    checksum = zlib.crc32(content).to_bytes(4, "little")
    wrong = data.replace(checksum, bytes(4))
    assert told(everything("DIA-EINV-XML", wrong)) == {(0, "archive.malformed", None)}


def test_messages_cut_off_anywhere_give_nothing() -> None:
    files = {
        "DIA-EINV-XML": invoice().encode(),
        "DIA-PRPC-JSON": extract(),
        "DIA-RECEIPT-JSON": confirmation({}),
        "DIA-SOAP-XML": soap(PACKET),
        "DIA-ACORD-XML": add(),
    }
    for code, data in files.items():
        for end in range(0, len(data) - 1, 13):
            assert not any(row.records for row in everything(code, data[:end])), (code, end)
