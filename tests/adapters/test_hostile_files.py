"""Files made to hurt: each is refused, or read, within seconds and without an exception."""

import json
import time
from collections.abc import Iterator

import pytest
from translated import POLICY, csv, endorsement_xml, envelope, everything, message, packet, policy_xml, told

MIB = 1024 * 1024
SECONDS = 20.0


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < SECONDS


BLANKS = "x" + " " * 32_000 + "y"


@pytest.mark.parametrize(
    "text", [BLANKS, "+" + " " * 32_000 + "1", "(" + " " * 32_000, "1" * 32_000, "1," * 16_000, "ﷺ" * 32_000]
)
@pytest.mark.parametrize(
    "name", ["保单号", "投保人", "统一社会信用代码", "起保日期", "费率", "应收保费（万元）", "实收保费（万元）"]
)
def test_a_long_cell_is_read_or_refused_at_once(name: str, text: str) -> None:
    rows = everything("DIA-CSV-LIST", csv({name: text}))
    assert name == "投保人" or any(problem.effect in "FR" for row in rows for problem in row.problems)


@pytest.mark.parametrize(
    "note", [BLANKS, "主承保；从共：" + " " * 32_000 + "%", "主承保；从共：" + "1" * 32_000 + "%", "；" * 32_000]
)
def test_a_long_note_is_read_at_once(note: str) -> None:
    head = csv({}).decode().splitlines()[0].lstrip("\ufeff") + ",共保比例,备注"
    assert told(everything("DIA-CSV-LIST", csv({"共保比例": "60", "备注": note}, head=head))) == {
        (2, "coinsurance.shares", "coinsurance.share_percent")
    }


@pytest.mark.parametrize("text", ["A\n" * 500_000, " " * MIB + "\n" + " " * MIB, "ﷺ" * 500_000, "1" * MIB, "-" * MIB])
def test_a_long_text_of_a_message_or_packet_is_read_at_once(text: str) -> None:
    for name in ("policy_no", "line", "issued_on", "rate_percent"):
        everything("DIA-CANON-JSON", message("policy", {**POLICY, name: text}))
    everything("DIA-CANON-JSON", message("policy", {**POLICY, "policyholder": {"name": text}}))
    everything("DIA-CANON-JSON", message("policy", {**POLICY, "product": {"registration_class": text}}))
    for name in ("C_PLY_NO", "C_PROD_NO", "N_PRM", "T_ISSUE_TM", "N_RATE"):
        everything("DIA-CHANNEL-XML", packet(policy_xml(**{name: text})))
    everything(
        "DIA-CHANNEL-XML", packet(policy_xml(rest=f"<OBJ_LIST><OBJ><C_REG_CLS>{text}</C_REG_CLS></OBJ></OBJ_LIST>"))
    )
    everything("DIA-CHANNEL-XML", packet(endorsement_xml(C_REASON=text, C_EDR_TYP="6")))


def test_very_many_unknown_members_are_told_and_not_all_kept() -> None:
    record = {f"x{n}": None for n in range(200_000)}
    (row,) = everything("DIA-CANON-JSON", message("premium_receipt", record))
    assert 0 < len(row.problems) <= 1010


def test_very_many_rows_are_refused_or_read() -> None:
    assert told(everything("DIA-CSV-LIST", csv({}) + b"\n" * (2 * MIB))) == {(0, "file.too-large", None)}
    assert told(everything("DIA-CSV-LIST", csv({}) + b"," * (6 * MIB))) == {(0, "file.too-large", None)}
    assert told(everything("DIA-CSV-LIST", b"a" * (33 * MIB))) == {(0, "file.too-large", None)}
    assert told(everything("DIA-CANON-JSON", b"{}\n" * (11 * MIB), file_name="x.jsonl")) == {
        (0, "file.too-large", None)
    }


def test_very_many_columns_without_a_name_are_nothing() -> None:
    data = csv({}).replace(b"\n", b"," * 16_000 + b"\n", 1) + b",\n" * 100_000
    assert told(everything("DIA-CSV-LIST", data)) == set()


def test_very_many_equal_rows_are_duplicates_of_the_first() -> None:
    rows = everything("DIA-CSV-LIST", csv(*[{}] * 3000))
    assert len(told(rows)) == 2999
    one = json.dumps(envelope("policy", POLICY))
    assert len(told(everything("DIA-CANON-JSON", f"[{','.join([one] * 1000)}]".encode()))) == 999


@pytest.mark.parametrize("bomb", ["<!DOCTYPE a [<!ENTITY b 'x'>]><PACKET>&b;</PACKET>", "<PACKET>" + "<A>" * 100_000])
def test_xml_made_to_grow_is_refused(bomb: str) -> None:
    ((row, rule, _),) = told(everything("DIA-CHANNEL-XML", bomb.encode()))
    assert (row, rule.partition(".")[0]) == (0, "xml")


def test_a_file_that_says_gbk_and_is_utf8_is_not_read_as_other_characters() -> None:
    text = packet(policy_xml()).decode().replace('encoding="UTF-8"', 'encoding="GBK"')
    assert told(everything("DIA-CHANNEL-XML", text.encode())) == {(0, "encoding.undecodable", None)}
    assert told(everything("DIA-CHANNEL-XML", text.encode("gb18030"))) == set()
