"""`gateway scheme`: exit codes, what goes where, and what people read."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scheme_messages import AT, NO, message, policy, priced, receipt, run

from gateway.cli import main
from gateway.schemes import load_keys, load_schemes, load_texts

GOOD = [policy(), message("invoice"), receipt()]


def write(folder: Path, messages: list[dict[str, Any]], name: str = "messages.jsonl") -> str:
    place = folder / name
    place.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in messages), "utf-8")
    return str(place)


def assess(*arguments: str) -> int:
    return main(["scheme", "assess", "--at", str(AT), *arguments])


def test_exit_codes_are_the_verdict(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path, GOOD, "good.jsonl")
    open_ = write(tmp_path, priced("1200000.00"), "open.jsonl")
    bad = write(tmp_path, [policy({"policy_no": "PZEX202633010000000999"})], "bad.jsonl")
    assert assess("--scheme", "ZJ-NDI", good) == 0
    assert assess("--scheme", "ZJ-NDI", open_) == 2
    assert assess("--scheme", "ZJ-NDI", bad) == 1
    assert assess("--scheme", "ZJ-NDI", open_, bad) == 1
    assert assess("--scheme", "ZJ-NDI", open_, "--set", "rate_rule=cap") == 0
    assert assess("--scheme", "ZJ-NDI", write(tmp_path, [], "empty.jsonl")) == 0
    assert "没有保单" in capfd.readouterr().out


def test_one_json_object_a_line_and_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drug = {"product.generic_name": "示例沙班片", "product.approval_no": "国药准字H20249002"}
    other = priced("600000.00", number="PZEX202633010000000777", **drug)
    assert assess("--scheme", "ZJ-NDI", write(tmp_path, [*GOOD, *other]), "--json") == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [set(line) for line in lines] == [{"product_key", "year", "policies", "subsidy", "readings"}] * 2
    assert set(lines[0]["policies"][0]) == {
        "insurer",
        "policy_no",
        "outcome",
        "eligible_premium",
        "subsidy",
        "failing",
    }
    paid_back = [policy(), receipt(), message("award"), message("cancellation", {"kind": "from_inception"})]
    assert assess("--scheme", "ZJ-NDI", write(tmp_path, paid_back), "--json") == 1
    (line,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert line["clawback"] == "400000.00"


def test_files_are_one_set_of_messages(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = write(tmp_path, GOOD[:1], "a.jsonl"), write(tmp_path, GOOD[1:], "b.jsonl")
    assert assess("--scheme", "ZJ-NDI", second, first, "--json") == 0
    assert json.loads(capfd.readouterr().out)["subsidy"] == "400000.00"


UNREADABLE = [
    b"{",
    b'{"schema": "premium-exchange/1.0"}',
    b'{"a": 1, "a": 2}',
    b"\xff\xfe",
    b"[]",
    b"null",
    b'{"a": "\\ud800"}',
]


@pytest.mark.parametrize("content", UNREADABLE)
def test_what_cannot_be_read_says_where_and_answers_nothing(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "bad.jsonl"
    place.write_bytes(json.dumps(GOOD[0]).encode() + b"\n\n" + content + b"\n")
    assert assess("--scheme", "ZJ-NDI", str(place), "--json") == 3
    printed = capfd.readouterr()
    assert printed.out == ""
    assert f"{place}:3" in printed.err


def test_a_file_that_is_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert assess("--scheme", "ZJ-NDI", str(tmp_path / "none.jsonl")) == 3
    assert "none.jsonl" in capfd.readouterr().err


WRONG = [
    ("--scheme", "ZJ-XXX"),
    ("--scheme", "ZJ-NDI", "--set", "rate_rule"),
    ("--scheme", "ZJ-NDI", "--set", "rate_rule=never"),
    ("--scheme", "ZJ-NDI", "--set", "no_key=1"),
    ("--scheme", "ZJ-NDI", "--set", "rate_rule=cap", "--set", "rate_rule=reject"),
]


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert assess(*arguments, write(tmp_path, GOOD)) == 64


@pytest.mark.parametrize("day", ["2026-5-31", "20260531", "2026-02-30", "today"])
def test_a_wrong_day_is_wrong_usage(day: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["scheme", "assess", "--scheme", "ZJ-NDI", "--at", day, write(tmp_path, GOOD)])
    assert stopped.value.code == 64


def test_without_a_day_it_is_today(tmp_path: Path) -> None:
    assert main(["scheme", "assess", "--scheme", "ZJ-NDI", write(tmp_path, GOOD), "--json"]) in (0, 1, 2)


def test_a_key_that_plays_no_part_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assess("--scheme", "SH-BIO", "--set", "rate_rule=cap", write(tmp_path, GOOD), "--json", "--lang", "en")
    assert "rate_rule plays no part in SH-BIO" in capfd.readouterr().err


def test_people_read_the_outcome_the_reason_and_the_readings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = write(tmp_path, priced("1200000.00", limit="40000000.00"))
    assess("--scheme", "ZJ-NDI", place)
    text = capfd.readouterr().out
    for words in (
        "浙江省新药产品保险补偿试行方案",
        "截至 2026-05-31",
        "2026年度",
        NO,
        "待定",
        "R-ZJ-14",
        "reject 0.00",
    ):
        assert words in text
    assess("--scheme", "ZJ-NDI", place, "--lang", "en")
    text = capfd.readouterr().out
    for words in ("Zhejiang", "as of 2026-05-31", "indeterminate", "eligible premium 800000.00", "due 400000.00"):
        assert words in text


def test_a_stranger_s_text_cannot_steer_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = policy({"product.generic_name": "示例\u202e\x1b[2J片", "policy_no": "PZ\x1b]0;x\x07"})
    assess("--scheme", "ZJ-NDI", write(tmp_path, [told]))
    printed = capfd.readouterr().out
    assert not set(printed) & {"\x1b", "\u202e", "\x07"}


def test_list_names_every_scheme_and_key(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["scheme", "list"]) == 0
    text = capfd.readouterr().out
    assert all(scheme.id in text for scheme in load_schemes())
    assert main(["scheme", "list", "--json"]) == 0
    told = {line["id"]: line for line in map(json.loads, capfd.readouterr().out.splitlines())}
    assert set(told) == {"ZJ-NDI", "NB-NDI", "SH-BIO", "ZJ-DEV", "ZJ-STT-2024"}
    assert [told[name]["enabled"] for name in ("NB-NDI", "ZJ-DEV", "ZJ-NDI")] == [False, False, True]
    keys = {key["key"]: key for key in told["ZJ-NDI"]["keys"]}
    assert keys["rate_rule"]["open"] is True
    assert keys["rate_rule"]["default"] == "cap"
    assert keys["effective_from"]["default"] == "2026-01-17"
    assert keys["premium_basis"]["open"] is False


def test_reasons_that_the_code_gives_stand_in_the_texts_and_no_others() -> None:
    """Each `fails(...)` and `unclear(...)` of the code; the rule of each is asserted by every test that runs one."""
    import ast

    from gateway import schemes

    given: set[str] = set()
    for file in Path(schemes.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("fails", "unclear"):
                given |= {one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)}
    given |= {"readings-differ", "fact-missing", "not-issued"}
    assert given == {reason for rule in load_texts().values() for reason in rule.reasons}
    for name, rule in load_texts().items():
        for text in (rule.title, *rule.reasons.values()):
            assert text.zh != text.en, name
            assert any("一" <= letter <= "鿿" for letter in text.zh), name
            assert not any("一" <= letter <= "鿿" for letter in text.en), name
    assert all(key.title.zh and key.title.en for key in load_keys().values())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**12)
    | st.text(max_size=12)
    | st.sampled_from(["1.00", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "gross", "kind"]), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, 6),
    field=st.text(max_size=4) | st.none(),
    value=JSON,
    pick=st.integers(0, 20),
)
def test_whatever_stands_in_a_field_is_read_or_refused(
    tmp_path: Path, which: int, field: str | None, value: object, pick: int, capfd: pytest.CaptureFixture[str]
) -> None:
    kinds = ["policy", "endorsement", "cancellation", "premium_receipt", "premium_refund", "invoice", "award"]
    spoilt = message(kinds[which])
    names = sorted(spoilt["record"])
    spoilt["record"][names[pick % len(names)] if field is None else field] = value
    code = assess("--scheme", "ZJ-NDI", write(tmp_path, [policy(), receipt(), spoilt]), "--json")
    assert code in (0, 1, 2, 3)
    assert (code == 3) == (capfd.readouterr().out == "")


def test_a_product_s_year_takes_no_time() -> None:
    """Twelve policies of one product and all that was told of them; processor time, with a wide margin."""
    world = []
    for number in range(12):
        no = f"PZEX{number:016d}"
        world += [
            *priced("100000.00", number=no),
            message("invoice", {"policy_nos": [no], "invoice_no": f"{number:020d}"}),
        ]
    run(world)
    started = time.process_time()
    run(world)
    assert time.process_time() - started < 0.1
