"""Registration classes 注册分类 as printed: read, and held against a scheme's lists (R-ZJ-06)."""

import re
from functools import cache
from typing import NamedTuple, get_args

from gateway.schemes.facts import Facts
from gateway.schemes.profile import ClassList, Group
from gateway.schemes.records import squeezed
from gateway.schemes.terms import Terms
from gateway.schemes.verdict import PASSED, Verdict, fails, unclear
from schemas.codes import code_list

_IN_VITRO = "体外诊断试剂"
_WORDS = re.compile("注册分类|第|类")
_BETWEEN = re.compile("[+;、,/]")
_CODE = re.compile(r"[0-9](\.[0-9]{1,2})?")


class Printed(NamedTuple):
    """What the printed class says: its group, if it begins with one, and its codes, if all of them can be read."""

    group: Group | None
    codes: tuple[str, ...] | None


def read_class(text: str) -> Printed:
    """`化学药品2.2类+2.4类` is chemical, 2.2 and 2.4; the group must stand first."""
    plain = squeezed(text)
    for prefix, group in _prefixes():
        if plain.startswith(prefix):
            parts = _BETWEEN.split(_WORDS.sub("", plain.removeprefix(prefix)))
            return Printed(group, tuple(parts) if all(map(_CODE.fullmatch, parts)) else None)
    return Printed(None, None)


@cache
def _prefixes() -> tuple[tuple[str, Group], ...]:
    """How a printed class of each group begins; devices have no classes here."""
    groups: dict[str, Group] = {group: group for group in get_args(Group)}
    words = code_list("registration_classes").words(top=True)
    return tuple((word, groups[group]) for word, group in words if group in groups)


def check_class(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-06: the product is of a registration class that the scheme supports."""
    product, part = facts.product, terms.part(facts.policy.line)
    if part is None:  # of no part of the scheme: R-ZJ-08 says so
        return PASSED
    text = squeezed(product.registration_class or "")
    device = product.kind == "device" or (product.kind is None and product.class_group == "device")
    if device or _IN_VITRO in text:
        return fails("device") if part.device == "failed" else unclear("device")
    printed = read_class(text)
    if printed.group is None or printed.codes is None:
        return unclear("unreadable" if text else "class-missing")
    verdict = _judge(printed.codes, part.classes[printed.group])
    if verdict is PASSED and _sender_says_otherwise(printed, product.class_group, product.class_codes):
        return unclear("sender-says-otherwise")
    return verdict


def _judge(codes: tuple[str, ...], classes: ClassList) -> Verdict:
    if classes.first_digits is not None:
        return PASSED if all(code[0] in classes.first_digits for code in codes) else fails("not-supported")
    if all(code in classes.allowed for code in codes):
        return PASSED
    if all(code in classes.refused for code in codes):
        return fails("not-supported")
    return unclear("legacy-class")


def _sender_says_otherwise(printed: Printed, group: str | None, codes: tuple[str, ...]) -> bool:
    return (group not in (None, "unknown", printed.group)) or (bool(codes) and set(codes) != set(printed.codes or ()))
