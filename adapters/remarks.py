"""What stands in the remark 备注 of an invoice: the policies that it is for, the invoice that it cancels (DIALECTS 11).

All of it after NFKC. The rest of a remark is nobody's.
"""

import re
from typing import NamedTuple

_NUMBER = r"[0-9A-Za-z-]{10,30}(?![0-9A-Za-z-])"
_POLICIES = re.compile(rf"(?:保单号码?|保险单号码?):?\s*({_NUMBER}(?:[、,;/]{_NUMBER})*)")
_ORIGINAL = re.compile(r"被红冲蓝字数电(?:发票|票)号码[:：]\s*([0-9]{20})(?![0-9])")


class Remarked(NamedTuple):
    """What was found in a remark, and the words that say it."""

    value: tuple[str, ...]
    raw: str


def policy_numbers(remark: str) -> Remarked | None:
    """The policy numbers, upper case, in order, without repeats."""
    said = list(_POLICIES.finditer(remark))
    numbers = dict.fromkeys(one.upper() for found in said for one in re.split("[、,;/]", found[1]))
    return Remarked(tuple(numbers), " ".join(found[0] for found in said)) if numbers else None


def original_number(remark: str) -> Remarked | None:
    """The number of the blue invoice that a red-letter invoice cancels."""
    found = _ORIGINAL.search(remark)
    return Remarked((found[1],), found[0]) if found else None
