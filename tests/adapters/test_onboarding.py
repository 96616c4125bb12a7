"""`gateway adapter new`, `test`, `diff`: what is certain is written, what is not is asked, nothing is guessed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from newcomers import EXPECTED, EXPORTS, answered, as_csv, asked, sample

from adapters.onboarding.decide import decide
from adapters.onboarding.kit import NotNew, begin
from adapters.onboarding.known import named, targets
from adapters.onboarding.load import find_mapping
from adapters.onboarding.look import look
from adapters.onboarding.sample import NotASample
from adapters.translate import translate_with
from gateway.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", EXPORTS)
def test_a_mapping_is_begun_from_each_container_and_reads_once_it_is_decided(name: str, tmp_path: Path) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, name, EXPORTS[name]()), tmp_path / "out")
    about = {one.about for one in begun.undecided}
    assert any(one.startswith("单位 unit: ") for one in about)
    assert any("签约渠道" in one or "signChannel" in one for one in about)
    assert main(["adapter", "test", str(begun.module)]) == 1
    answered(begun.module)
    mapping = find_mapping(str(begun.module))
    rows = list(translate_with(mapping, begun.sample.read_bytes(), insurer="DEMO-PC", file_name=name))
    assert [problem for row in rows for problem in row.problems] == []
    assert [draft.record for row in rows for draft in row.records] == EXPECTED
    assert main(["adapter", "test", str(begun.module)]) == 1
    assert main(["adapter", "test", str(begun.module), "--accept"]) == 0
    assert main(["adapter", "test", str(begun.module)]) == 0


@pytest.mark.parametrize("name", EXPORTS)
def test_nothing_is_read_before_everything_is_decided(name: str, tmp_path: Path) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, name, EXPORTS[name]()), tmp_path / "out")
    mapping = find_mapping(str(begun.module))
    (row,) = translate_with(mapping, begun.sample.read_bytes(), insurer="DEMO-PC", file_name=name)
    assert row.records == ()
    assert [(problem.rule, problem.effect) for problem in row.problems] == [("mapping.undecided", "F")]
    assert main(["adapter", "lint", str(begun.sample), "--insurer", str(begun.module)]) == 1
    assert main(["adapter", "run", str(begun.sample), "--insurer", str(begun.module)]) == 1


@pytest.mark.parametrize("name", EXPORTS)
def test_the_expected_output_speaks_of_nothing_that_is_open(name: str, tmp_path: Path) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, name, EXPORTS[name]()), tmp_path / "out")
    first, *lines = map(json.loads, begun.expected.read_text(encoding="utf-8").splitlines())
    assert first == {"undecided": [one.about for one in begun.undecided]}
    assert [line["record"] for line in lines] == [
        {name: value for name, value in record.items() if name != "premium"} for record in EXPECTED
    ]


@pytest.mark.parametrize("name", EXPORTS)
def test_what_is_written_is_a_module_that_passes_the_linter(name: str, tmp_path: Path) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, name, EXPORTS[name]()), tmp_path / "out")
    ruff = [str(Path(sys.executable).with_name("ruff")), "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    for step in (["format", "--check"], ["check"]):
        ran = subprocess.run(
            [ruff[0], *step, *ruff[1:], str(begun.module)], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout
    assert all(one.question for one in begun.undecided)


def changed(before: str, after: str) -> bytes:
    text = as_csv().decode("gb18030")
    assert before in text
    return text.replace(before, after).encode("gb18030")


def test_a_unit_is_taken_from_header_line_or_cells_and_from_nothing_else(tmp_path: Path) -> None:
    assert "单位 unit: 含税保费" in asked(tmp_path, "a.csv", as_csv())
    assert not any("unit" in one for one in asked(tmp_path, "b.csv", changed("含税保费", "含税保费（万元）")))
    above = "单位：元,,,,,,,\r\n".encode("gb18030") + as_csv()
    assert not any("unit" in one for one in asked(tmp_path, "c.csv", above))
    cells = changed("800000.00", "80万元").decode("gb18030").replace("500000.00", "50万元").encode("gb18030")
    assert not any("unit" in one for one in asked(tmp_path, "d.csv", cells))
    mixed = changed("800000.00", "80万元")
    assert "单位 unit: 含税保费" in asked(tmp_path, "e.csv", mixed)


def test_the_unit_of_a_rate_is_taken_from_its_sign_and_from_nothing_else(tmp_path: Path) -> None:
    with_rate = changed("签约渠道", "费率").decode("gb18030")
    for cell, is_asked in (("1.6", True), ("0.016", True), ("1.6%", False), ("16‰", False)):
        found = asked(tmp_path, f"{is_asked}.csv", with_rate.replace("直销", cell).encode("gb18030"))
        assert ("单位 unit: 费率" in found) is is_asked, cell


@pytest.mark.parametrize(
    ("before", "after", "about", "told"),
    [
        ("2026-03-01", "01/03/2026", "起保日期", "date.unreadable"),
        ("91330108MA2XX9T186", "91330108MA2XX9T187", "社会信用代码", "identifier.credit-code"),
        ("800000.00", "八十万", "含税保费", "number.unreadable"),
    ],
)
def test_a_column_whose_values_contradict_its_name_is_asked_for(
    before: str, after: str, about: str, told: str, tmp_path: Path
) -> None:
    question = asked(tmp_path, "a.csv", changed(before, after))[about]
    assert told in question.question
    assert after in question.question


def test_a_value_of_a_code_that_no_word_explains_is_asked_for(tmp_path: Path) -> None:
    question = asked(tmp_path, "a.csv", changed("药品责任险", "甲类险"))["险种 = 甲类险"]
    assert 'LINE: "甲类险": "drug_liability"' in question.candidates


def test_two_columns_that_could_be_one_field_are_both_asked_for(tmp_path: Path) -> None:
    found = asked(tmp_path, "a.csv", changed("签约渠道", "应收保费"))
    assert {"含税保费", "应收保费"} <= set(found)


def test_an_unknown_name_with_valid_credit_codes_has_them_as_candidates(tmp_path: Path) -> None:
    question = asked(tmp_path, "a.csv", changed("社会信用代码", "编码甲"))["编码甲"]
    assert 'POLICY: "policyholder.credit_code": Source("编码甲", kinds.credit_code)' in question.candidates
    assert question.candidates[-1] == 'ignores: "编码甲"'


def test_whether_a_premium_is_with_tax_is_taken_from_its_name_and_from_nothing_else(tmp_path: Path) -> None:
    found = asked(tmp_path, "a.csv", changed("含税保费", "签单保费（元）"))
    assert {one[:29] for one in found["签单保费（元）"].candidates} >= {
        'POLICY: "premium.gross": Source("签单保费"'[:29],
        'POLICY: "premium.net": Source("签单保费"'[:29],
    }
    assert "缺 missing: policy.premium.gross" not in found
    assert "含税保费（元）" not in asked(tmp_path, "b.csv", changed("含税保费", "含税保费（元）"))


def test_whose_credit_code_it_is_is_asked_where_several_parties_are_named(tmp_path: Path) -> None:
    found = asked(tmp_path, "a.csv", changed("签约渠道", "被保险人"))
    assert [one.partition(":")[2][:30] for one in found["社会信用代码"].candidates[:2]] == [
        ' "policyholder.credit_code": S',
        ' "insured.credit_code": Source',
    ]


def test_a_last_day_on_the_anniversary_is_asked_for(tmp_path: Path) -> None:
    (question,) = [
        one
        for about, one in asked(tmp_path, "a.csv", changed("2027-02-28", "2027-03-01")).items()
        if about.startswith("末日 last day")
    ]
    assert "2026-03-01 to 2027-03-01" in question.question


def test_a_field_that_a_record_needs_and_nothing_is_for_is_asked_for(tmp_path: Path) -> None:
    found = asked(tmp_path, "a.csv", changed("险种", "类目"))
    assert any('stated("line", "drug_liability")' in one for one in found["缺 missing: policy.line"].candidates)


def test_an_endorsement_column_makes_changes_and_a_question(tmp_path: Path) -> None:
    text = as_csv().decode("gb18030").replace("签约渠道", "批单号").replace("直销", "")
    found = asked(tmp_path, "a.csv", text.encode("gb18030"))
    assert "批改行 rows with: 批单号" in found
    begun = begin("DEMO-PC", "示范财险", tmp_path / "a.csv", tmp_path / "out")
    assert "ENDORSEMENT = Shape(" in begun.module.read_text(encoding="utf-8")


def test_changes_and_refunds_in_a_list_are_read_once_decided(tmp_path: Path) -> None:
    lines = [
        "保单号,批单号,批改类型,批改生效日期,投保人名称,险种,起保日期,终保日期,含税保费（元）,实收金额（元）,到账日期",
        "PDPC202633010000000001,,,,甲公司,药品责任险,2026-03-01,2027-02-28,800000,800000,2026-02-26",
        "PDPC202633010000000001,EDPC202633010000000001,批减,2026-07-01,甲公司,,,,-100000,-100000,2026-07-05",
        "PDPC202633010000000001,EDPC202633010000000002,退保,2026-09-01,甲公司,,,,-300000,-300000,2026-09-05",
    ]
    path = sample(tmp_path, "changes.csv", "\n".join(lines).encode("gb18030"))
    begun = begin("DEMO-PC", "示范财险", path, tmp_path / "out", own=True)
    assert [one.about for one in begun.undecided] == ["批改行 rows with: 批单号"]
    answered(begun.module)
    rows = list(translate_with(find_mapping(str(begun.module)), path.read_bytes(), insurer="DEMO-PC"))
    assert [problem for row in rows for problem in row.problems] == []
    assert [[draft.type for draft in row.records] for row in rows] == [
        ["policy", "premium_receipt"],
        ["endorsement", "premium_refund"],
        ["cancellation", "premium_refund"],
    ]
    assert rows[1].records[0].record["premium_change"] == {"gross": "-100000.00"}
    assert rows[2].records[0].record["kind"] == "mid_term"
    assert main(["adapter", "test", str(begun.module), "--accept"]) == 0


def test_a_list_within_rows_is_proposed_and_taken_by_nothing(tmp_path: Path) -> None:
    row = {
        "policyNo": "PDPC202633010000000001",
        "applicant": {"name": "甲公司"},
        "line": "药品责任险",
        "period": {"start": "2026-03-01", "end": "2027-02-28"},
        "premium": {"gross": "800000.00元"},
        "terms": [{"clauseCode": "C00001232612026010100001", "clauseName": "主条款", "extra": "x"}],
        "plan": [{"payNo": 1, "planDate": "2026-03-15", "planFee": 800000}],
    }
    begun = begin("DEMO-PC", "示", sample(tmp_path, "a.json", json.dumps(row, ensure_ascii=False).encode()), tmp_path)
    found = {one.about: one for one in begun.undecided}
    assert set(found) == {"terms", "terms: extra", "plan", "单位 unit: plan: planFee"}
    assert found["terms"].candidates[0] == 'POLICY: "clauses": CLAUSES'
    assert found["plan"].candidates[0] == 'POLICY: "instalments": INSTALMENTS, POLICY.rules: settle.instalments_total'
    text = begun.module.read_text(encoding="utf-8")
    text = text[: text.index("    undecided=(")] + ")\n"
    text = text.replace(
        'kinds.clause_no),\n        "name": Source("clauseName", kinds.text),\n    },', "kinds.clause_no),\n    },"
    )
    text = text.replace(
        "rules=(settle.clause_kind,)", 'rules=(settle.clause_kind,), ignores=frozenset({"extra", "clauseName"})'
    )
    text = text.replace('Source("planFee", kinds.money)', 'Source("planFee", kinds.money, unit="元")')
    text = text.replace(
        "POLICY_TAKES: Takes = {", 'POLICY_TAKES: Takes = {"clauses": CLAUSES, "instalments": INSTALMENTS,'
    )
    begun.module.write_text(text, encoding="utf-8")
    (read,) = translate_with(find_mapping(str(begun.module)), begun.sample.read_bytes(), insurer="DEMO-PC")
    assert read.problems == ()
    (draft,) = read.records
    assert draft.record["clauses"] == [{"registration_no": "C00001232612026010100001", "kind": "main"}]
    assert draft.record["instalments"] == [{"no": 1, "due_on": "2026-03-15", "amount": "800000.00"}]


def test_personal_data_is_ignored_by_name_with_the_reason(tmp_path: Path) -> None:
    begun = begin("DEMO-PC", "示", sample(tmp_path, "a.csv", changed("签约渠道", "联系电话")), tmp_path / "out")
    assert '"联系电话",  # personal data' in begun.module.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01",
        b"\x1f\x8b\x08",
        b"a",
        b"PK\x03\x04",
        b"<a><b></a>",
        b"{",
        b"[1,2]",
        b"x,y\n" * 3,
    ],
)
def test_what_is_no_sample_is_told(data: bytes, tmp_path: Path) -> None:
    path = sample(tmp_path, "file", data)
    with pytest.raises(NotASample):
        decide(look(path))
    assert main(["adapter", "new", "--insurer", "DEMO-PC", "--name", "x", str(path), "--out", str(tmp_path / "o")]) == 3
    assert not (tmp_path / "o").exists()


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    path = sample(tmp_path, "list.csv", as_csv())
    begin("DEMO-PC", "示范财险", path, tmp_path / "out")
    with pytest.raises(NotNew):
        begin("DEMO-PC", "示范财险", path, tmp_path / "out")
    for code in ("demo", "D", "../X", "DIA-CSV-LIST"):
        with pytest.raises(NotNew):
            begin(code, "x", path, tmp_path / "other")
        new = ["adapter", "new", "--insurer", code, "--name", "x", str(path), "--out", str(tmp_path / "other")]
        assert main(new) == 64


def test_bytes_that_are_utf8_by_chance_are_asked_for(tmp_path: Path) -> None:
    text = as_csv().decode("gb18030")
    for word in set(re.findall("[\u4e00-\u9fff（）]+", text)):
        text = text.replace(word, "x" if word != "签约渠道" else "小模")
    text = text.replace("x", "policy no", 1)
    looked = look(sample(tmp_path, "a.csv", text.encode("gb18030")))
    assert [about for about, _ in looked.open_questions] == ["编码 encoding"]
    assert look(sample(tmp_path, "b.csv", as_csv())).open_questions == []


def test_a_name_cannot_break_out_of_the_module(tmp_path: Path) -> None:
    path = sample(tmp_path, "list.csv", changed("签约渠道", '"x""""""\\\\"'))
    begun = begin("DEMO-PC", '"""\nimport os\n"', path, tmp_path / "out")
    assert "\nimport os" not in begun.module.read_text(encoding="utf-8")
    assert find_mapping(str(begun.module)).undecided


def test_every_name_in_the_table_is_of_a_kind_and_is_not_ignored_too() -> None:
    from adapters import kinds
    from adapters.onboarding.known import ignorable

    for target in targets().values():
        assert target.kind == "code" or hasattr(kinds, target.kind), target
        for name in target.names:
            assert target in named(name), name
            assert ignorable(name) is None, name
            assert re.search(r"\S", name)
