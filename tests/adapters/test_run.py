"""What the command line prints: lines of records and problems, the list of formats, and the look at a file."""

import json
from pathlib import Path

import pytest
from translated import csv, packet, policy_xml

from adapters.insurers import MAPPINGS
from adapters.run import describe, lint, run
from untrusted import STREAM


def test_records_and_problems_are_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(csv({}, {"起保日期": "x"}))
    record, problem = run("DIA-CSV-LIST", [path])
    assert list(record) == ["file", "row", "type", "record", "lineage"]
    assert record["lineage"]["policy_no"] == {
        "source": "row 2, column 保单号",
        "raw": "PZAC202633010000000012",
        "mapping": "DIA-CSV-LIST/1.0",
    }
    assert list(problem) == ["file", "row", "problem"]
    assert json.loads(json.dumps(problem))["problem"]["rule"] == "date.unreadable"


def test_an_unknown_code_is_told_before_a_file_is_opened() -> None:
    with pytest.raises(KeyError, match="NOBODY"):
        list(run("NOBODY", [Path("/nowhere")]))


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(STREAM.file_bytes + 1)
    (line,) = run("DIA-CSV-LIST", [path])
    assert (line["row"], line["problem"]["rule"]) == (0, "file.too-large")


def test_each_mapping_describes_itself() -> None:
    found = {one["insurer"]: one for one in describe()}
    assert set(found) == set(MAPPINGS)
    assert json.loads(json.dumps(list(found.values()))) == list(found.values())
    (rows,) = found["DIA-CSV-LIST"]["rows"]
    assert rows["takes"]["保险单号"] == rows["takes"]["保单号"] == ["policy_no"]
    assert rows["takes"]["应收保费"] == [
        "cancellation.return_premium.gross",
        "endorsement.premium_change.gross",
        "policy.premium.gross",
    ]
    assert "联系电话" in rows["ignores"]
    policy = found["DIA-CHANNEL-XML"]["rows"][0]
    assert policy["takes"]["CVRG_LIST/CVRG/C_REG_NO"] == ["policy.clauses.registration_no"]
    assert policy["takes"]["APPLICANT/C_CERTF_CLS"] == ["decides policyholder.credit_code"]
    assert {"INSURED_LIST/INSURED/C_TEL", "BASE_PART/C_SLS_NME"} <= set(policy["ignores"])
    message = found["DIA-CANON-JSON"]["rows"][0]
    assert message["takes"]["record.premium.gross"] == ["policy.premium.gross"]


@pytest.mark.parametrize("code", MAPPINGS)
def test_nothing_is_both_taken_and_ignored(code: str) -> None:
    for rows in next(one for one in describe() if one["insurer"] == code)["rows"]:
        assert not set(rows["takes"]) & set(rows["ignores"])


def test_a_look_at_a_file_says_what_becomes_of_each_field(tmp_path: Path) -> None:
    path = tmp_path / "packet.xml"
    path.write_bytes(packet(policy_xml("<C_NEW>1</C_NEW><C_SLS_NME>x</C_SLS_NME>", N_PRM="x")))
    found = lint(path)
    at = "BODY/POLICY_LIST/POLICY_DATA/BASE_PART"
    assert found["dialect"] == "DIA-CHANNEL-XML"
    assert f"{at}/N_PRM" in found["taken"]
    assert found["ignored"] == [f"{at}/C_SLS_NME"]
    assert found["unaccounted"] == [f"{at}/C_NEW"]
    assert {problem["rule"] for problem in found["problems"]} == {"field.unaccounted", "number.unreadable"}


def test_a_look_at_a_list_with_an_unknown_column_still_knows_it(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(csv({}).replace("收费日期".encode(), "返还比例".encode()))
    found = lint(path)
    assert found["dialect"] == "DIA-CSV-LIST"
    assert found["problems"] == [
        {"rule": "field.unaccounted", "field": "返还比例", "effect": "F", "count": 1, "rows": [0]}
    ]


def test_a_look_at_nothing_is_no_dialect(tmp_path: Path) -> None:
    for data in (b"", b"\x00", b"PK\x03\x04", b"[]", b"<a/>", "保单号,投保人\n".encode("gb18030")):
        path = tmp_path / "file"
        path.write_bytes(data)
        assert lint(path)["dialect"] in (None, "DIA-CSV-LIST")
