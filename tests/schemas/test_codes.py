"""Code lists: every file holds together and names its source, and a day that nobody knows about is unknown."""

import re
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import Unpublished, load_calendar, published_calendar
from schemas.codes import FOLDER, Code, CodeList, code_list, names, published, read_code_list
from tests.shared import shared

DAY = date(2026, 9, 1)
DAYS = st.dates(date(1990, 1, 1), date(2040, 1, 1))


@pytest.mark.parametrize("name", names())
def test_every_list_names_itself_its_source_and_its_day(name: str) -> None:
    codes = code_list(name)
    assert codes.name == name
    assert re.search(r"[\u4e00-\u9fff]", codes.title.zh)
    assert len(codes.source) > 5
    assert date(2026, 1, 1) <= codes.as_of
    assert published(name)["digest"] == codes.digest
    assert {one.stem for one in FOLDER.glob("*.toml")} == {*names(), "holidays"}


@pytest.mark.parametrize("name", names())
def test_a_current_name_means_one_thing_on_any_day(name: str) -> None:
    now = code_list(name).on(DAY)
    held = [one for one in code_list(name).code if one.standing(DAY) == "valid"]
    for one in held:
        twins = [other for other in held if one.name in (other.name, *other.also)]
        found = now.called(one.name)
        assert (found is not None and found.code == one) == (len(twins) == 1), one.code


def test_the_regions_are_those_of_the_province() -> None:
    regions = code_list("regions").on(DAY)
    valid = [one.code for one in regions.list.code if one.standing(DAY) == "valid"]
    assert len([code for code in valid if code.endswith("00")]) == 12  # the province and its 11 prefectures
    assert len([code for code in valid if not code.endswith("00")]) == 90
    for one in regions.list.code:
        if one.parent is not None and not one.code.endswith("00"):
            assert one.parent == f"{one.code[:4]}00"
    assert regions.standing("330102") == "valid"
    for code, became in (("330103", "330105"), ("330104", "330102"), ("330185", "330112"), ("331021", "331083")):
        found = regions.find(code)
        assert found is not None
        assert (found.standing, found.code.became) == ("ended", became)
    for code in ("330125", "330184", "330183", "330204"):
        assert regions.standing(code) == "ended"
    assert (regions.is_listed("339999"), regions.is_listed("310101"), regions.is_listed("330103")) == (
        False,
        None,
        True,
    )
    assert (regions.standing("339999"), regions.standing("310101")) == ("unknown", "unknown")


@pytest.mark.real
def test_the_regions_are_those_of_the_domain_sheet() -> None:
    text = (shared("domain") / "DOMAIN.md").read_text(encoding="utf-8")
    section = text[text.index("### 2.4") : text.index("### 2.5")]
    now, abolished = section.split("Abolished codes")
    ours = code_list("regions").on(DAY)
    for code, name in re.findall(r"(\d{6}) ([\u4e00-\u9fff]+)", now):
        found = ours.find(code)
        assert found is not None
        assert found.standing == "valid"
        assert found.code.name.startswith(name)
    for code in re.findall(r"\d{6}", abolished):
        assert ours.standing(code) == "ended"


def test_between_the_days_that_are_known_nobody_knows() -> None:
    district = code_list("regions")
    for day, old, new in (
        (date(2021, 3, 10), "valid", "not_yet"),
        (date(2021, 3, 11), "unknown", "unknown"),
        (date(2021, 4, 9), "unknown", "unknown"),
        (date(2021, 4, 10), "ended", "valid"),
    ):
        assert (district.on(day).standing("330104"), district.on(day).standing("330113")) == (old, new)


def test_a_former_name_is_known_and_not_right() -> None:
    insurers = code_list("insurers").on(DAY)
    former, now = insurers.called("信达财产保险股份有限公司"), insurers.called("国任财产保险股份有限公司")
    assert former is not None
    assert now is not None
    assert former.code == now.code
    assert (former.standing, now.standing) == ("unknown", "valid")
    assert insurers.called("没有这家公司") is None
    picc = insurers.called("人保财险")
    assert picc is not None
    assert (picc.code.code, picc.code.company_code, picc.code.credit_code) == ("PICC", "000002", "91100000710931483R")
    cpic = insurers.find("CPIC")
    assert cpic is not None
    assert [one.credit_code for one in cpic.code.branches] == ["913100007362379322"]


def test_classes_and_currencies_are_read_by_their_words() -> None:
    words = list(code_list("registration_classes").words(top=True))
    assert words[:4] == [("化学药品", "chemical"), ("化学药", "chemical"), ("化药", "chemical"), ("中药", "tcm")]
    classes = code_list("registration_classes")
    assert classes.on(date(2020, 7, 1)).standing("chemical/2.4") == "valid"
    assert classes.on(date(2020, 6, 30)).standing("chemical/2.4") == "not_yet"
    assert classes.on(DAY).is_listed("chemical/6") is False
    assert dict(code_list("currencies").words())["人民币"] == "CNY"
    assert code_list("invoice_kinds").on(date(2023, 5, 1)).standing("01") == "unknown"  # the pilots
    assert code_list("invoice_kinds").on(DAY).standing("01") == "valid"


def test_a_year_without_a_notice_is_said_and_not_guessed() -> None:
    calendar = published_calendar()
    assert [one["year"] for one in calendar["year"]] == [2025, 2026]
    assert calendar["unpublished"] == [{"year": 2027}]
    with pytest.raises(Unpublished):
        load_calendar().is_working_day(date(2027, 1, 4))


HEAD = 'name = "some"\ntitle = { zh = "某", en = "some" }\nsource = "nobody"\nas_of = 2026-01-01\ncomplete = true\n'


@pytest.mark.parametrize(
    ("codes", "flaw"),
    [
        ('[[code]]\ncode = "1"\nname = "a"\n[[code]]\ncode = "1"\nname = "b"\n', "twice"),
        ('[[code]]\ncode = "1"\nname = "a"\nparent = "2"\n', "not there"),
        ('[[code]]\ncode = "1"\nname = "a"\nfrom = 2020-01-02\nto = 2020-01-01\n', "not in order"),
        ('[[code]]\ncode = "1"\nname = "a"\ncredit_code = "91100000710931483T"\n', "check-character"),
        ('[[code]]\ncode = "1"\nname = "a"\nend = 2020-01-01\n', "Extra inputs"),
        ("code = []\n", "at least 1"),
    ],
)
def test_a_list_that_contradicts_itself_is_none(codes: str, flaw: str) -> None:
    with pytest.raises(ValueError, match=flaw):
        read_code_list(HEAD + codes)
    with pytest.raises(KeyError):
        code_list("nobody")


@given(st.lists(DAYS, min_size=4, max_size=4), st.lists(st.booleans(), min_size=4, max_size=4), DAYS)
def test_a_code_goes_from_not_yet_to_ended_and_never_back(days: list[date], given_: list[bool], day: date) -> None:
    ordered = [one if is_given else None for one, is_given in zip(sorted(days), given_, strict=True)]
    keys = ("not_before", "from", "to", "gone_by")
    one = Code.model_validate({"code": "1", "name": "a"} | dict(zip(keys, ordered, strict=True)))
    order = {"not_yet": 0, "valid": 1, "unknown": 1, "ended": 2}
    assert order[one.standing(day)] <= order[one.standing(day + timedelta(days=1))]
    if one.standing(day) == "valid":
        assert one.from_ is None or one.from_ <= day
        assert one.to is None or day <= one.to
        assert one.not_before is None or one.not_before <= day
        assert one.gone_by is None or day < one.gone_by


@cache
def both() -> CodeList:
    return read_code_list(
        HEAD
        + '[[code]]\ncode = "1"\nname = "a"\nto = 2020-01-01\n[[code]]\ncode = "2"\nname = "a"\nfrom = 2020-01-02\n'
        + '[[code]]\ncode = "3"\nname = "b"\nalso = ["c"]\n[[code]]\ncode = "4"\nname = "c"\n'
    )


def test_a_name_that_two_codes_share_means_neither() -> None:
    assert both().on(DAY).called("c") is None
    for day, code in ((date(2020, 1, 1), "1"), (date(2020, 1, 2), "2")):
        found = both().on(day).called("a")
        assert found is not None
        assert found.code.code == code


def test_the_files_are_where_the_package_takes_them(tmp_path: Path) -> None:
    assert FOLDER.is_dir()
    assert all(file.read_text(encoding="utf-8").startswith("#") for file in FOLDER.glob("*.toml"))
