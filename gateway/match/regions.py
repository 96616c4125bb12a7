"""Places of Zhejiang 浙江省 as applications write them: 滨江区, 杭州市滨江区, 浙江省杭州市滨江区, 330108."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from schemas.party import folded

PROVINCE = "33"
_TABLE = Path(__file__).with_name("regions.toml")


@cache
def _names() -> Mapping[str, tuple[str, str]]:
    """Short and whole name of each prefecture (4 digits) and county (6 digits)."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    known = {code: (name, f"{name}市") for code, name in table["prefectures"].items()}
    for code, name in table["counties"].items():
        kind = "区" if code[4:] <= "20" else "县" if code[4:] <= "79" else "市"
        known[code] = (name, table["names"].get(code, f"{name}{kind}"))
    return known


def region_name(code: str) -> str | None:
    """The name of a place, from its prefecture on: 杭州市滨江区. `None` for one that is not in the table."""
    if code in (PROVINCE, f"{PROVINCE}0000"):
        return "浙江省"
    if code[4:] in ("", "00"):
        found = _names().get(code[:4])
        return found[1] if found else None
    county, prefecture = _names().get(code), _names().get(code[:4])
    return f"{prefecture[1]}{county[1]}" if county and prefecture else None


@cache
def _codes() -> Mapping[str, frozenset[str]]:
    """The places that a text may mean; short names of counties are not unique in a country, but are in this table."""
    meant: dict[str, set[str]] = {}
    for code, (short, whole) in _names().items():
        full = code.ljust(6, "0")
        prefecture = _names()[code[:4]]
        before = ("",) if len(code) == 4 else ("", prefecture[0], prefecture[1], f"浙江省{prefecture[1]}")
        for start in (*before, "浙江省", "浙江"):
            for name in (short, whole):
                meant.setdefault(folded(start + name), set()).add(full)
        meant.setdefault(full, set()).add(full)
    return {text: frozenset(codes) for text, codes in meant.items()}


def codes_of(text: str) -> frozenset[str]:
    """The 6-digit codes that the text may name; empty if it is no place of this table."""
    return _codes().get(folded(text), frozenset())
